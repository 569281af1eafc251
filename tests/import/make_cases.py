#!/usr/bin/env python3
"""Writes cases.bin: small ONNX models with ONNX Runtime's outputs, and models that `zkvm import` refuses; and
as_written.bin: the outputs of those in QDQ form in a session without optimisation.

    python3 -m venv v && v/bin/pip install -r tests/import/requirements.txt
    v/bin/pip download --no-deps --only-binary :all: onnx==1.22.0   # the last one that holds the node tests
    v/bin/python tests/import/make_cases.py --node-tests onnx-1.22.0-*.whl --failed-before FOLDER
    python3 tests/import/make_cases.py --list
    v/bin/python tests/import/make_cases.py --times 100 --output many.bin   # for a longer test than the committed one

FOLDER holds models that an importer got wrong once; without it, or without the wheel, those cases stay as they are in
cases.bin. The runtime's outputs: models in operator form under a default session, in QDQ form with
session.qdqisint8allowed=1; one thread. In u8 x s8 layers weights are within [-64, 64]: others saturate there on CPUs
without VNNI. Under qemu's Haswell and Nehalem the outputs are the same, but for network_shared_weights on the latter,
which has no FMA. Every model is also run without optimisation, and refused here where that differs: at all in operator
form, by more than rounding in QDQ form. Seeds are names: a case stays as it is when others come.
"""

import argparse
import pathlib

import container
from container import Case

HERE = pathlib.Path(__file__).parent
FILE = HERE / "cases.bin"
AS_WRITTEN = HERE / "as_written.bin"

# Greatest difference between the runtime with and without its optimisation, where that is more than 1.
FURTHER = {
    "averagepool_qdq_count_include_pad_ceil": 17,  # the runtime's average of floats counts other cells
    "static_transformer": 5,  # many layers, one after the other
}


as_written = []  # Cases without models and inputs, of those in QDQ form whose cuts are bytes of the file


def computed(times):
    import elementwise_cases
    import exporter_cases
    import form_cases
    import linear_cases
    import runtime
    import shape_cases
    import static_quantisation

    for module in (linear_cases, elementwise_cases, shape_cases, exporter_cases, form_cases, static_quantisation):
        for graph, samples in module.cases():
            yield from_runtime(runtime, graph, samples, times)


def from_runtime(runtime, graph, samples, times=1):
    from expectations import DIFFERS, REFUSED

    model, values, away, unoptimised = runtime.outputs(graph, samples * times)
    if graph.form != "op" and not graph.sums and not graph.moved:
        as_written.append(Case(graph.name, "exact", b"", outputs=list(graph.cuts), samples=[([], o) for o in unoptimised]))
    if times == 1 and away > (0 if graph.form == "op" else FURTHER.get(graph.name, 1)):
        raise ValueError(f"{graph.name}: {away} away from the runtime without optimisation")
    if graph.name in REFUSED:
        return Case(graph.name, "refused: " + REFUSED[graph.name], model)
    distance, reason = DIFFERS.get(graph.name, (0, None))
    return Case(
        graph.name,
        f"differs: {reason}" if reason else "exact",
        model,
        distance,
        [feed.name for feed in graph.feeds],
        list(graph.cuts),
        values,
    )


def given(arguments, before):
    import given_cases
    import runtime

    if arguments.failed_before:
        for graph, samples in given_cases.previous_failures(arguments.failed_before):
            yield graph if isinstance(graph, Case) else from_runtime(runtime, graph, samples)
    else:
        yield from (case for case in before if case.name.startswith("failed_before_"))
    if not arguments.node_tests:
        yield from (case for case in before if case.name.startswith("onnx_"))
        return
    for case in given_cases.node_tests(arguments.node_tests):
        if case.samples and (found := given_cases.disagreement(case)):
            print(f"{case.name}: not what the runtime gives: {found}")
        yield case


def refused():
    import refused_cases

    for name, model, parts in refused_cases.cases():
        yield Case(name, "refused: " + " & ".join(parts), model)


def make(arguments):
    before = container.decode(FILE.read_bytes()) if FILE.exists() else []
    cases = [*computed(arguments.times), *given(arguments, before), *refused()]
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"twice: {sorted(n for n in names if names.count(n) > 1)}")
    data = container.encode(cases)
    if container.decode(data) != cases:
        raise ValueError("what was written does not read back")
    pathlib.Path(arguments.output).write_bytes(data)
    if arguments.times == 1:
        kept = {case.name for case in cases if case.samples}
        AS_WRITTEN.write_bytes(container.encode([case for case in as_written if case.name in kept]))
    count = lambda kind: sum(case.kind.startswith(kind) for case in cases)
    print(
        f"{len(cases)} cases in {len(data)} bytes: {count('exact')} exact, {count('differs')} differ, "
        f"{count('refused')} refused"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--extract", metavar="NAME", help="writes NAME.onnx here")
    parser.add_argument("--times", type=int, default=1, help="as many samples")
    parser.add_argument("--output", default=FILE, help="instead of cases.bin")
    parser.add_argument("--node-tests", metavar="WHEEL")
    parser.add_argument("--failed-before", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.list:
        for case in container.decode(FILE.read_bytes()):
            print(f"{case.name}: {case.kind}; {len(case.model)} bytes, {len(case.samples)} samples")
    elif arguments.extract:
        case = next(c for c in container.decode(FILE.read_bytes()) if c.name == arguments.extract)
        pathlib.Path(case.name + ".onnx").write_bytes(case.model)
    else:
        make(arguments)


if __name__ == "__main__":
    main()
