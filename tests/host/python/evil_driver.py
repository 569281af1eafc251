"""A driver whose workers do wrong: evil_driver.py HOW FOLDER. Each segment in `wrong` goes wrong once; FOLDER remembers."""

import pathlib
import sys

from zkvm import _cluster_driver

how, folder = sys.argv[1], pathlib.Path(sys.argv[2])
WRONG = {1, 3}


def task(job, name, segment, threads, how=how, folder=folder, wrong=WRONG):
    import os
    import time

    from zkvm import _cluster_worker

    def first():
        try:
            os.close(os.open(folder / f"{how}-{segment}", os.O_CREAT | os.O_EXCL))
            return True
        except FileExistsError:
            return False

    if segment not in wrong or not first():
        return _cluster_worker.prove_part(job, name, segment, threads)
    if how == "raises":
        raise RuntimeError("evil")
    if how == "dies":
        os.kill(os.getpid(), 9)
    if how == "sleeps":
        time.sleep(300)
    if how == "nonsense":
        return ["evil"]
    of = segment + 1 if how == "foreign" else segment
    said = _cluster_worker.prove_part(job, name, of, threads)
    part = said["part"]
    if how == "garbage":
        part = os.urandom(len(part))
    elif how == "truncated":
        part = part[:-100]
    elif how == "changed":
        part = part[:-100] + bytes([part[-100] ^ 1]) + part[-99:]
    # "corrupted": on the way, behind the digest's back
    said = {**said, "segment": segment, "part": part, "digest": _cluster_worker.digest(part)}
    if how == "corrupted":
        said["part"] = part[:-1] + bytes([part[-1] ^ 1])
    return said


if __name__ == "__main__":
    _cluster_driver.main(task)
