"""The Python verifier against the C++ one, on honest and changed proofs of every toy circuit.

    python3 tests/oracle/verify_test.py STARK_ORACLE_CASES [--seed N] [--mutations N]
"""

import argparse
import collections
import functools
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import transcript
import verify
from formats import Refused, parse_key, parse_statement

# Of bytes with several faults, and of codewords wrong at several queries, either verifier may name any fault first.
FAMILIES = (("Truncated", "Trailing", "Format", "NonCanonical", "Key"), ("Deep", "Fold", "Final"))

HERE = pathlib.Path(__file__).parent


def remember_hashes():
    """Hashing is most of the time, and mutations of a proof share most hashes."""
    verify.row_hashes = functools.lru_cache(1 << 10)(verify.row_hashes)
    verify.node_hashes = functools.lru_cache(1 << 14)(verify.node_hashes)
    verify.blake3 = functools.lru_cache(1 << 10)(verify.blake3)
    transcript.blake3 = functools.lru_cache(1 << 14)(transcript.blake3)


@functools.cache
def read(path):
    return path.read_bytes()


@functools.cache
def parsed(parse, path):
    """The value, or why there is none: keys are shared by hundreds of cases."""
    try:
        return parse(read(path)), None
    except Refused as refused:
        return None, refused.code


def verdict(folder, key_file, statement_file, proof_file, security):
    key, reason = parsed(parse_key, folder / key_file)
    if reason:
        return reason
    statement, reason = parsed(parse_statement, folder / statement_file)
    if reason:
        return reason
    try:
        verify.verify(key, statement, (folder / proof_file).read_bytes(), security)
    except Refused as refused:
        return refused.code
    return "Valid"


def agree(one, other):
    return one == other or any(one in family and other in family for family in FAMILIES)


def judge(folder, line):
    """What Python says of a case, and what is wrong with that."""
    key, statement, proof, security, expected, what = line.split(" ", 5)
    found = verdict(folder, key, statement, proof, float(security))
    return found, None if agree(found, expected) else f"{what}: C++ says {expected}, Python says {found}"


def compare(judge, lines, prepare):
    """`judge`: gives a line's reason and what is wrong with it; `prepare`: is called once in each process. Prints where the
    verifiers differ; gives the number of differences and the count of every reason."""
    with multiprocessing.Pool(min(4, len(os.sched_getaffinity(0))), prepare) as pool:
        judged = pool.map(judge, lines, chunksize=20)
    differences = [difference for _, difference in judged if difference]
    for difference in differences:
        print(difference)
    return len(differences), collections.Counter(found for found, _ in judged)


def command_line_differs(folder, lines):
    """Whether verify.py's exit status is not what its usage promises."""
    def status(*arguments):
        return subprocess.run([sys.executable, HERE / "verify.py", *arguments], capture_output=True).returncode

    files = [folder / name for name in lines[0].split(" ")[:3]]
    found = [status(*files, "--security", "0"), status(*files), status(files[0], files[1], folder / "absent"),
             status(files[1], files[0], files[2]), status()]
    if found != [0, 1, 2, 1, 2]:
        print(f"exit statuses: expected 0 1 2 1 2, found {found}")
        return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutations", type=int, default=100, help="of proofs, and as many of keys")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start = time.monotonic()
        subprocess.run([arguments.cases, name, str(arguments.seed), str(arguments.mutations)], check=True)
        made = time.monotonic()
        lines = (folder / "cases.txt").read_text().splitlines()
        differences, reasons = compare(functools.partial(judge, folder), lines, remember_hashes)
        print(f"{len(lines)} cases: made in {made - start:.1f} s, verified in {time.monotonic() - made:.1f} s; "
              f"{', '.join(f'{count} {reason}' for reason, count in reasons.most_common())}")
        unseen = {"Valid", "Security", "Nonce", "BusSum", "Constraints", "Merkle", "Deep", "Fold", "Final", "Statement", "Multiplicities",
                  "Truncated", "Trailing", "NonCanonical", "Format", "Params", "Tables", "Key"} - set(reasons)
        if unseen:
            print(f"the cases reached no {', '.join(sorted(unseen))}")
        failed = bool(differences or unseen) | command_line_differs(folder, lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
