"""The Python verifier of receipts against the C++ one, on true and changed receipts of small programs.

    python3 tests/oracle/receipt_test.py ZKVM_MACHINE_KEY HOST_ORACLE_CASES [--seed N] [--mutations N]
"""

import argparse
import functools
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

    def verify(key, statement, proof, security, rate):
        case = (key.bytes, statement.bytes, proof, security, rate)
        if case not in verdicts:
            try:
                verdicts[case] = original_verify(key, statement, proof, security, rate), None
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


def command_line_differs(folder, lines):
    """Whether receipt.py's exit status is not what its usage promises."""
    def status(*arguments):
        return subprocess.run([sys.executable, HERE / "receipt.py", *arguments], capture_output=True).returncode

    file, image_id = lines[-1].split(" ")[:2]  # the one at 128 bits
    key, file = folder / "machine_key", folder / file
    found = [status(key, file, image_id), status(key, file, image_id, "--security", "129"), status(key, file, "00" * 32),
             status(key, folder / "absent", image_id), status(file, file, image_id), status()]
    if found != [0, 1, 1, 2, 1, 2]:
        print(f"exit statuses: expected 0 1 1 2 1 2, found {found}")
        return True
    return False


def writes_other_bytes(machine):
    """Whether a key that is written again has other bytes."""
    again = key_bytes(machine.tuple_width, machine.slots, [
        chip_bytes(chip.name, chip.log_height, chip.slots, chip.rest) for chip in machine.chips])
    if again != machine.bytes:
        print("the machine's key, read and written, has other bytes")
        return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("machine_key")
    parser.add_argument("cases")
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
        failed = bool(differences or unseen) | writes_other_bytes(machine_of(folder)) | command_line_differs(folder, lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
