"""The Python verifier of receipts against the C++ one, on true and changed receipts of small programs.

    python3 tests/oracle/receipt_test.py ZKVM_MACHINE_KEY HOST_ORACLE_CASES ZKVM GUEST [--seed N] [--mutations N]
"""

import argparse
import functools
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import receipt
from formats import Refused, chip_bytes, key_bytes, parse_key
from receipt import verify_receipt
from verify_test import compare, remember_hashes

HERE = pathlib.Path(__file__).parent
REASONS = {"Valid", "MalformedReceipt", "InvalidReceipt", "WrongProgram", "Insecure"}


def remember():
    """Most segments of a changed receipt are those of the good one."""
    remember_hashes()
    original_verify, original_parse = receipt.verify, receipt.parse_key
    verdicts = {}

    def verify(key, statement, proof, security, rate, widest):
        case = (key.bytes, statement.bytes, proof, security, rate, widest)
        if case not in verdicts:
            try:
                verdicts[case] = original_verify(key, statement, proof, security, rate, widest), None
            except Refused as refused:
                verdicts[case] = None, refused
        rounds, refused = verdicts[case]
        if refused:
            raise refused
        return rounds

    receipt.verify, receipt.parse_key = verify, functools.cache(original_parse)


@functools.cache
def machine_of(folder):
    return parse_key((folder / "machine_key").read_bytes())


def judge(folder, line):
    """What Python says of a case, and what is wrong with that."""
    file, image_id, security, expected, bits, what = line.split(" ", 5)
    try:
        _, proven = verify_receipt(machine_of(folder), (folder / file).read_bytes(), bytes.fromhex(image_id), float(security))
        found = "Valid"
    except Refused as refused:
        proven, found = 0, refused.code
    wrong = found != expected or not math.isclose(proven, float(bits), abs_tol=1e-9)
    return found, f"{what}: C++ says {expected}, {bits} bits, Python says {found}, {proven} bits" if wrong else None


def command_line_differs(folder, zkvm, guest):
    """Whether receipt.py says of what `zkvm prove` wrote other than its usage promises."""
    (folder / "input").write_bytes(bytes([4, 0, 0, 0, 12, 0, 0, 0]))  # thousands of cycles
    made = json.loads(subprocess.run(
        [zkvm, "prove", guest, "--input", folder / "input", "--output", folder / "receipt", "--segment-cycles", "4000", "--json"],
        capture_output=True, check=True).stdout)
    key, file, image_id = folder / "machine_key", folder / "receipt", made["image_id"]

    def run(*arguments):
        done = subprocess.run([sys.executable, HERE / "receipt.py", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout.split(":")[0]

    found = [run(key, file, image_id), run(key, file, image_id, "--security", "129"), run(key, file, "00" * 32),
             run(key, folder / "absent", image_id), run(file, file, image_id), run()]
    expected = [(0, "valid"), (1, "invalid"), (1, "invalid"), (2, ""), (1, "invalid"), (2, "")]
    if found != expected or made["segments"] < 2:
        print(f"{made['segments']} segments of zkvm prove: expected {expected}, found {found}")
        return True
    return False


def writes_other_bytes(machine):
    """Whether a key that is written again has other bytes."""
    again = key_bytes(machine.tuple_width, machine.slot_blowups[0], list(zip(machine.slots, machine.slot_widths)), [
        chip_bytes(chip, chip.name, chip.log_height, [(slot, first) for slot, first, _ in chip.slots], 0)
        for chip in machine.chips])
    if again != machine.bytes:
        print("the machine's key, read and written, has other bytes")
        return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machine_key")
    parser.add_argument("cases")
    parser.add_argument("zkvm")
    parser.add_argument("guest", help="tests/host/guest.cc")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutations", type=int, default=100, help="of receipts, and a quarter as many of images")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start = time.monotonic()
        (folder / "machine_key").write_bytes(subprocess.run([arguments.machine_key], capture_output=True, check=True).stdout)
        subprocess.run([arguments.cases, name, str(arguments.seed), str(arguments.mutations)], check=True)
        made = time.monotonic()
        lines = (folder / "cases.txt").read_text().splitlines()
        differences, reasons = compare(functools.partial(judge, folder), lines, remember)
        print(f"{len(lines)} cases: made in {made - start:.1f} s, verified in {time.monotonic() - made:.1f} s; "
              f"{', '.join(f'{count} {reason}' for reason, count in reasons.most_common())}")
        unseen = REASONS - set(reasons)
        if unseen:
            print(f"the cases reached no {', '.join(sorted(unseen))}")
        failed = bool(differences or unseen) | writes_other_bytes(machine_of(folder)) | command_line_differs(
            folder, arguments.zkvm, arguments.guest)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
