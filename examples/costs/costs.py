"""What a proof of each network takes and costs, beside what others publish: a table and a plot.

    python costs.py ZKVM FOLDER [--only NAME,..] [--price PRICE]

Runs in the root of the tree. An example whose guest is not there yet is run first. Every network is proven twice, and
the second time counts: a program's fixed trees are made once and then kept. Exit status 1 where a receipt is not
verified.
"""
import argparse
import dataclasses
import json
import math
import os
import pathlib
import resource
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402: after the choice of what draws

EXAMPLE_PRICE = 0.04
HERE, THERE = "#0072b2", "#e69f00"  # Okabe and Ito's blue and orange: for the colour-blind, too


@dataclasses.dataclass(frozen=True)
class Network:
    """One program and one input of it, made by the run.sh of an example."""
    example: str
    title: str
    guest: str
    input: str
    report: str  # of `zkvm import`: weights and products of one inference
    inferences: int = 1


@dataclasses.dataclass(frozen=True)
class Published:
    """What another system takes for the network `title`, as its authors or the root's README.md say, and where."""
    title: str
    system: str
    seconds: float
    machine: str
    remarks: str = ""


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one proof took. `core_seconds` is the command's user and system time, `seconds` its execution and proof."""
    title: str
    weights: int
    products: int
    seconds: float
    core_seconds: float
    peak_rss_bytes: int
    receipt_bytes: int
    verify_seconds: float

    def price(self, price_per_core_hour: float) -> float:
        return self.core_seconds / 3600 * price_per_core_hour


NETWORKS = [
    Network("mnist", "perceptron 784-56-10", "build/release/guests/mnist_mlp.elf", "build/release/mnist_digit.bin",
            "build/release/examples/mnist/import/mlp/report.json"),
    Network("mnist", "LeNet-5", "build/release/guests/mnist_lenet5.elf", "build/release/mnist_digit.bin",
            "build/release/examples/mnist/import/lenet5/report.json"),
    Network("credit", "forest of 100 trees", "build/credit/forest/build/guests/forest.elf", "build/credit/forest.input",
            "build/credit/forest/report.json"),
    Network("vgg16", "VGG16, 32 x 32", "build/vgg16/guest/build/guests/vgg16.elf", "build/vgg16/image.input",
            "build/vgg16/guest/report.json"),
    Network("age", "age, 112 x 112", "build/age/guest/guests/older_than_18.elf", "build/age/photograph.input",
            "build/age/network/report.json"),
    Network("face", "pair of faces, 150 x 150", "build/face/guest/guests/same_person.elf", "build/face/pair.input",
            "build/face/network/report.json", inferences=2),
    Network("mobilenet", "MobileNetV2, 224 x 224", "build/mobilenet/guest/build/guests/mobilenet.elf",
            "build/mobilenet/image.input", "build/mobilenet/guest/report.json"),
]

EXAMPLES = list(dict.fromkeys(network.example for network in NETWORKS))

NOT_STATED = "not stated here"
PUBLISHED = [
    Published("LeNet-5", "zkCNN", 0.44, "one core, which is not stated here"),
    Published("LeNet-5", "EZKL 23.0.5", 261, "Intel Xeon at 2.5 GHz (model 85), 2 shared cores: run by us",
              "trusted set-up"),
    Published("VGG16, 32 x 32", "zkPyTorch", 2.2, "one core, which is not stated here",
              "size and zero-knowledge not stated"),
    Published("VGG16, 32 x 32", "zkCNN", 88.3, NOT_STATED, "proof 0.34 MB, verified in 59 ms"),
    Published("MobileNetV2, 224 x 224", "Bionetta", 24.5, NOT_STATED,
              "trusted set-up, public weights, 1.8 GB of memory"),
    Published("MobileNetV2, 224 x 224", "zkml", 1135, NOT_STATED),
    Published("MobileNetV2, 224 x 224", "EZKL", 14320, NOT_STATED, "trusted set-up, 204 GB of memory"),
]


def core_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_json(command: list[str]) -> dict:
    print("$ " + " ".join(command), flush=True)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def make(network: Network) -> None:
    """Runs the network's example where what it makes is not all there."""
    if not all(pathlib.Path(path).exists() for path in (network.guest, network.input, network.report)):
        subprocess.run(["bash", f"examples/{network.example}/run.sh"], check=True)


def measure(zkvm: str, folder: pathlib.Path, network: Network) -> Cost:
    """Proves twice, verifies by the program's image id; raises CalledProcessError where one of them fails."""
    receipt = str(folder / (pathlib.Path(network.guest).stem + ".zkr"))
    prove = [zkvm, "prove", network.guest, "--input", network.input, "-o", receipt, "--json"]
    run_json(prove)
    before = core_seconds_of_children()
    proved = run_json(prove)
    core_seconds = core_seconds_of_children() - before
    image_id = subprocess.run([zkvm, "id", network.guest], check=True, capture_output=True, text=True).stdout.strip()
    verified = run_json([zkvm, "verify", receipt, "--image-id", image_id, "--json"])
    report = json.loads(pathlib.Path(network.report).read_text())
    return Cost(network.title, report["weights"], report["products"] * network.inferences, proved["seconds"],
                core_seconds, proved["peak_rss_bytes"], proved["receipt_bytes"], verified["seconds"])


def machine() -> str:
    """The processor's name and how many cores of it a process may use."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    return (f"{fields.get('model name', 'unknown processor')}, family {fields.get('cpu family', '?')}, model "
            f"{fields.get('model', '?')}, {len(os.sched_getaffinity(0))} cores")


def digits(value: float) -> str:
    """Three significant digits without an exponent."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def rounded(count: int) -> str:
    if count == 0:
        return "-"
    return f"{digits(count / 1e6)} M" if count >= 1e6 else f"{digits(count / 1e3)} k"


def markdown(costs: list[Cost], published: list[Published], price: float) -> str:
    lines = [f"Here: {machine()}; 128 proven bits, zero-knowledge. A core for an hour: {price:g}"
             + (", an example" if price == EXAMPLE_PRICE else "") + ".", "",
             "| here | weights | products | prove | core-seconds | memory | receipt | verify | 1,000 proofs |",
             "|---|" + "---:|" * 8]
    for cost in costs:
        cells = [cost.title, rounded(cost.weights), rounded(cost.products), f"{digits(cost.seconds)} s",
                 digits(cost.core_seconds), f"{cost.peak_rss_bytes / 2**30:.2f} GiB",
                 f"{cost.receipt_bytes / 1e6:.2f} MB", f"{cost.verify_seconds * 1e3:.0f} ms",
                 digits(1000 * cost.price(price))]
        lines.append("| " + " | ".join(cells) + " |")
    if published:
        lines += ["", "| others | by | prove | machine | |", "|---|---|---:|---|---|"]
        for other in published:
            cells = [other.title, other.system, f"{other.seconds:,} s", other.machine, other.remarks or "-"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(costs: list[Cost], published: list[Published], file: pathlib.Path) -> None:
    """Seconds of a proof on a logarithmic axis, by network: ours, and below it what others publish."""
    bars = []  # (label, seconds, the same as text, whether it is ours), from top to bottom; None between two networks
    for cost in costs:
        bars += [None] if bars else []
        bars.append((cost.title, cost.seconds, digits(cost.seconds), True))
        bars += [(other.system, other.seconds, f"{other.seconds:,}", False) for other in published
                 if other.title == cost.title]
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.28 * len(bars)), layout="constrained")
    least = min(bar[1] for bar in bars if bar)
    start = 10 ** math.floor(math.log10(least / 1.5))
    for ours in (True, False):
        chosen = [(row, bar[1]) for row, bar in enumerate(bars) if bar and bar[3] == ours]
        if chosen:
            rows, seconds = zip(*chosen)
            axes.barh(rows, [value - start for value in seconds], left=start, color=HERE if ours else THERE, height=0.8,
                      hatch="" if ours else "///", edgecolor="white", label="zkvm, here" if ours else "others")
    for row, bar in enumerate(bars):
        if bar:
            axes.text(bar[1] * 1.08, row, f"{bar[2]} s", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:,g}")
    axes.set_xlim(start, max(bar[1] for bar in bars if bar) * 4)
    axes.set_xlabel("seconds to prove one inference, logarithmic; others: mostly on other machines, see the table")
    axes.set_yticks([row for row, bar in enumerate(bars) if bar], [bar[0] for bar in bars if bar])
    for label, bar in zip(axes.get_yticklabels(), [bar for bar in bars if bar]):
        label.set_fontweight("bold" if bar[3] else "normal")
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def price_of(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number from 0, found {text!r}")
    return value


def names_of(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in EXAMPLES:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(EXAMPLES)}, found {name!r}")
    return names


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description="What a proof of each network takes and costs.")
    parser.add_argument("zkvm", help=argparse.SUPPRESS)
    parser.add_argument("folder", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", type=names_of, default=EXAMPLES, metavar="NAME,..", help="of " + ", ".join(EXAMPLES))
    parser.add_argument("--price", type=price_of, default=EXAMPLE_PRICE, metavar="PRICE",
                        help=f"of a core for an hour, in any currency (default: {EXAMPLE_PRICE}, an example)")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    costs = []
    for network in (network for network in NETWORKS if network.example in given.only):
        try:
            make(network)
            costs.append(measure(given.zkvm, given.folder, network))
        except subprocess.CalledProcessError as error:
            print(f"costs.py: {network.title}: {' '.join(error.cmd[:2])} failed with exit status {error.returncode}",
                  file=sys.stderr)
            return 1
    published = [other for other in PUBLISHED if other.title in {cost.title for cost in costs}]
    table = markdown(costs, published, given.price)
    (given.folder / "costs.md").write_text(table)
    (given.folder / "costs.json").write_text(json.dumps({
        "machine": machine(), "price_per_core_hour": given.price,
        "here": [dataclasses.asdict(cost) | {"price": cost.price(given.price)} for cost in costs],
        "published": [dataclasses.asdict(other) for other in published]}, indent=2) + "\n")
    plot(costs, published, given.folder / "costs.svg")
    print(f"\n{table}\nAlso in {given.folder}: costs.md, costs.json, costs.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
