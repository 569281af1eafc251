#!/usr/bin/env python3
"""A proof of many segments by Ray workers of one core each, beside one process of as many threads; and a simulator of larger
clusters, fed with what was measured and checked against it.

    build/python-tests/bin/python tests/bench/cluster.py [--workers 2] [--rounds 928] [--pairs 3] [--lose 3] [--out FILE.json]
    build/python-tests/bin/python tests/bench/cluster.py --simulate FILE.json [--segments 1000] [--nodes 100] [--seed 1]

Guest: bench_integer, some 108,000 instructions a round: 24 segments. build/release must be there, and the tests' Python
(tests/host/python/run.sh). Nothing else should run.
"""

import argparse
import heapq
import json
import pathlib
import platform
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/host/python"))
GUEST = ROOT / "build/release/guests/bench_integer.elf"
ZKVM = ROOT / "build/release/bin/zkvm"
CHECKPOINTS = 16 << 20  # bytes in a job, at most: host/prove.cc


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def one_process(x, threads):
    """Seconds of `zkvm prove`, from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "x")
        file.write_bytes(x)
        start = time.monotonic()
        subprocess.run([ZKVM, "prove", GUEST, "-i", file, "-o", f"{folder}/r", "--jobs", "1", "--threads", str(threads),
                        "--progress", "0"], check=True, capture_output=True)
        return time.monotonic() - start


def on_cluster(nodes, x, at_part=None):
    """One proof, and what can be seen of it: `at_part(n)` is called when part n has come."""
    import zkvm.cluster

    parts, given, frames, give = [], [], zkvm.cluster._Driver.frames, zkvm.cluster._Driver.give

    def timed(*arguments):
        given.append(time.monotonic() - start)
        give(*arguments)

    def watched(driver):
        for said, part in frames(driver):
            came = time.monotonic()
            yield said, part  # until the next one is asked for, this one is being verified
            if "segment" in said:
                parts.append({"segment": said["segment"], "seconds": said["seconds"], "worker": said["worker"], "came":
                              came - start, "verified": time.monotonic() - came, "bytes": len(part)})
                if at_part:
                    at_part(len(parts))

    zkvm.cluster._Driver.frames, zkvm.cluster._Driver.give = watched, timed
    try:
        start = time.monotonic()
        receipt = zkvm.cluster.prove(zkvm.Model(GUEST), x, address=nodes.address, note=lambda text: print(" ", text))
        seconds = time.monotonic() - start
    finally:
        zkvm.cluster._Driver.frames, zkvm.cluster._Driver.give = frames, give
    return {"seconds": seconds, "segments": receipt.report.segments, "cycles": receipt.report.run.cycles, "parts": parts,
            "planned": given[0], "verified": receipt.report.verify_seconds,
            "assembled": seconds - parts[-1]["came"] - parts[-1]["verified"]}


def gaps(run):
    """Seconds between the end of a worker's part and the begin of its next one: what Ray and the driver take."""
    out = []
    for worker in {part["worker"] for part in run["parts"]}:
        mine = sorted((part for part in run["parts"] if part["worker"] == worker), key=lambda part: part["came"])
        out += [later["came"] - later["seconds"] - part["came"] for part, later in zip(mine, mine[1:])]
    return out


def planning(x):
    """Of `zkvm plan`: seconds, segments, bytes of the job."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "x")
        file.write_bytes(x)
        runs = [json.loads(subprocess.run([ZKVM, "plan", GUEST, "-i", file, "-o", f"{folder}/job", "--json"], check=True,
                                          capture_output=True, text=True).stdout) for _ in range(3)]
        return {"seconds": statistics.median(run["seconds"] for run in runs), "segments": len(runs[0]["segments"]),
                "bytes": runs[0]["job_bytes"]}


def execution(cycles):
    """Seconds in which the fast executor gets to the last of these instructions, by vm_bench's integer.*skipping."""
    done = subprocess.run([ROOT / "build/release/bin/vm_bench", "--benchmark_filter=integer.*skipping", "--benchmark_format=json",
                           "--benchmark_repetitions=5"], check=True, capture_output=True, text=True)
    median = next(run for run in json.loads(done.stdout)["benchmarks"] if run.get("aggregate_name") == "median")
    return cycles / median["MIPS"] / 1e6


def measure(options):
    from ray_nodes import Nodes

    x = struct.pack("<I", options.rounds)
    out = {"cpu": cpu(), "workers": options.workers, "one_process": [], "cluster": []}
    for _ in range(options.pairs):
        out["one_process"].append(one_process(x, options.workers))
        nodes = Nodes(0, memory=6 << 30, head=options.workers)  # `ray start --head` on a machine of so many cores
        out["cluster"].append(on_cluster(nodes, x))
        nodes.end()
        print(f"one process {out['one_process'][-1]:.1f} s, {options.workers} workers {out['cluster'][-1]['seconds']:.1f} s", flush=True)
    out["plans"] = [planning(x), planning(struct.pack("<I", options.rounds * 1000 // out["cluster"][0]["segments"]))]
    out["execution"] = execution(out["cluster"][0]["cycles"])
    out["lost"] = [lose_a_node(struct.pack("<I", options.rounds // 2)) for _ in range(options.lose)]
    report(out)
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(out))


def lose_a_node(x):
    """A node of two is lost in the midst of a segment: the end beside that of one node that takes over what the other one
    had not done, as if nothing of it had been lost, in segments' time."""
    from ray_nodes import Nodes

    nodes, at = Nodes(2, memory=6 << 30), {}

    def lose(parts):
        if parts == 6:
            time.sleep(2.5)  # a segment takes more than twice that
            nodes.kill()
            at["lost"] = time.monotonic() - begun

    begun = time.monotonic()
    run = on_cluster(nodes, x, lose)
    nodes.end()
    # The one that is left is faster: it has the machine for itself.
    proof = statistics.median(part["seconds"] for part in run["parts"] if part["came"] - part["seconds"] > at["lost"])
    before = [part for part in run["parts"] if part["came"] < at["lost"]]
    begun_with = [at["lost"] - max(part["came"] for part in before if part["worker"] == worker)
                  for worker in {part["worker"] for part in before}]
    left = (run["segments"] - len(before)) * proof - sum(begun_with)
    return {"segments": run["segments"], "proof": proof, "at": at["lost"], "ideal": at["lost"] + left,
            "end": run["parts"][-1]["came"], "cost": (run["parts"][-1]["came"] - at["lost"] - left) / proof}


def later_parts(run):
    """Without each worker's first, whose memory's pages are fresh."""
    seen, out = set(), []
    for part in run["parts"]:
        if part["worker"] in seen:
            out.append(part)
        seen.add(part["worker"])
    return out


def report(out):
    runs = out["cluster"]
    proof = statistics.median(part["seconds"] for run in runs for part in later_parts(run))
    one = statistics.median(out["one_process"])
    two = statistics.median(run["seconds"] for run in runs)
    print(f"{out['cpu']}, {runs[0]['segments']} segments, {runs[0]['cycles']:,} instructions, {len(runs)} pairs")
    print(f"one process of {out['workers']} threads, median (best)   {one:.1f} ({min(out['one_process']):.1f}) s")
    print(f"{out['workers']} workers of one thread                   {two:.1f} ({min(run['seconds'] for run in runs):.1f}) s")
    ratios = [run["seconds"] / alone for run, alone in zip(runs, out["one_process"])]
    print(f"ratio, median of pairs                    {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f})")
    print(f"a segment's proof, median                 {proof:.2f} s; a worker's first "
          f"{statistics.median(part['seconds'] for run in runs for part in run['parts'] if part not in later_parts(run)):.2f} s")
    gap = statistics.median(seconds for run in runs for seconds in gaps(run))
    print(f"driver and scheduling, per segment        {gap * 1000:.0f} ms, {100 * gap / proof:.1f} %")
    print(f"verifying a part                          "
          f"{1000 * statistics.median(part['verified'] for run in runs for part in run['parts']):.0f} ms")
    print(f"verifying the receipt, per segment        "
          f"{1000 * statistics.median(run['verified'] / run['segments'] for run in runs):.1f} ms")
    for plan in out["plans"]:
        print(f"planning {plan['segments']} segments".ljust(41), f"{plan['seconds']:.2f} s, a job of {plan['bytes']:,} bytes")
    print(f"from the plan to the first segment        "
          f"{statistics.median(begin_of(run) - run['planned'] for run in runs):.2f} s, connecting among it")
    print(f"execution to the last segment             {out['execution'] * 1000:.0f} ms, {100 * out['execution'] / proof:.1f} %")
    for lost in out["lost"]:
        print(f"a node of two lost in the midst of a segment, at {lost['at']:.1f} s: the last of {lost['segments']} parts at "
              f"{lost['end']:.1f} s, {lost['cost']:.2f} segments' time after {lost['ideal']:.1f} s")
    for run in runs:
        simulated = statistics.median(simulate(out, run["segments"], out["workers"], seed)["seconds"] for seed in range(20))
        print(f"simulated {simulated:.1f} s, measured {run['seconds']:.1f} s: {100 * (simulated / run['seconds'] - 1):+.1f} %")


def begin_of(run):
    return min(part["came"] - part["seconds"] for part in run["parts"])


def simulate(out, segments, nodes, seed):
    """A proof of so many equal segments on nodes of one core each, by the times of the measured runs: planning, and connecting
    meanwhile; then each worker in turn takes a segment, executes what is between it and the checkpoint before, proves; parts
    are verified one after another by one process, which at last makes the receipt and verifies it."""
    dice = random.Random(seed)
    runs = out["cluster"]
    proofs = [part["seconds"] for run in runs for part in later_parts(run)]
    fresh = [part["seconds"] - statistics.median(proofs) for run in runs for part in run["parts"] if part not in later_parts(run)]
    gap = [seconds for run in runs for seconds in gaps(run)]
    verify = [part["verified"] for run in runs for part in run["parts"]]
    few, many = out["plans"]
    measured = runs[0]["segments"]
    slope = (segments - few["segments"]) / (many["segments"] - few["segments"])
    planned = statistics.median(run["planned"] for run in runs) + slope * (many["seconds"] - few["seconds"])
    start = max(statistics.median(begin_of(run) for run in runs), planned + statistics.median(gap))
    checkpoint = (many["bytes"] - few["bytes"]) / (many["segments"] - few["segments"])
    stride = 1
    while checkpoint * segments / stride > CHECKPOINTS:
        stride *= 2
    skip = out["execution"] / (measured - 1)  # of one segment
    workers = [(start, node, 0, True) for node in range(nodes)]
    heapq.heapify(workers)
    came, pure = [], 0.0
    for segment in range(segments):
        now, node, at, first = heapq.heappop(workers)
        proof = dice.choice(proofs)
        pure += proof
        now += proof + (segment - max(at, segment // stride * stride)) * skip + (dice.choice(fresh) if first else dice.choice(gap))
        came.append(now)
        heapq.heappush(workers, (now, node, segment + 1, False))
    verified = 0.0
    for moment in sorted(came):
        verified = max(verified, moment) + dice.choice(verify)
    # The driver leaves the cluster while the receipt is verified.
    seconds = verified + statistics.median(max(run["assembled"], run["verified"] * segments / measured) for run in runs)
    return {"seconds": seconds, "planning": start, "efficiency": pure / (nodes * seconds),
            "shared_efficiency": pure / (nodes * (verified - start))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=928)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--lose", type=int, default=0, help="so many proofs more, in which a node is lost")
    parser.add_argument("--out")
    parser.add_argument("--simulate", help="what --out has written")
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not options.simulate:
        return measure(options)
    out = json.loads(pathlib.Path(options.simulate).read_text())
    report(out)
    found = simulate(out, options.segments, options.nodes, options.seed)
    print(f"{options.segments} segments on {options.nodes} nodes, seed {options.seed}: {found['seconds']:.1f} s, of which "
          f"planning {found['planning']:.1f} s; efficiency {100 * found['shared_efficiency']:.1f} % while the work is shared "
          f"out, {100 * found['efficiency']:.1f} % in all")
    return None


if __name__ == "__main__":
    main()
