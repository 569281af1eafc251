"""Proofs in parts from Python: zkvm.jobs, over what tests/host/jobs_test.cc tests."""

import pytest
import zkvm
import zkvm.jobs
from conftest import QUICK, guest, words

OPTIONS = {"security_bits": QUICK, "segment_cycles": 1 << 14, "console": None}
X = words(4, 18)


@pytest.fixture(scope="module")
def job(task):
    return zkvm.jobs.plan(task, X, **OPTIONS)


def test_parts_make_a_receipt(task, job):
    prover, whole = zkvm.jobs.Job(job), zkvm.jobs.Job(job)
    count = len(whole.segments)
    assert count > 3 and whole.missing == list(range(count)) and whole.image_id == task.image_id
    assert all(0 < segment.cycles <= 1 << 14 < segment.cells < segment.memory for segment in whole.segments)
    with pytest.raises(zkvm.Error, match="is missing") as early:
        whole.assemble()
    assert early.value.code == "invalid-segment"
    for i in reversed(range(count)):
        part = prover.prove(i, threads=1)
        assert whole.add(part) == (i, [])
    assert whole.missing == []
    receipt = whole.assemble()
    assert zkvm.verify(receipt, task.image_id, security_bits=QUICK).journal == task.run(X, console=None).journal
    assert zkvm.jobs.Job(job).prove(1) == prover.prove(1), "the same bytes, whoever proves it"


def test_what_is_wrong_is_refused(task, job):
    open_job = zkvm.jobs.Job(job)
    for wrong in (b"", job[:-1], bytes(task.elf)):
        with pytest.raises(zkvm.Error) as found:
            zkvm.jobs.Job(wrong)
        assert found.value.code == "malformed-job"
    part = open_job.prove(0)
    for wrong in (b"", part[:-1], part[:-50] + bytes([part[-50] ^ 1]) + part[-49:], job,
                  zkvm.jobs.Job(zkvm.jobs.plan(task, X, **OPTIONS)).prove(0)):
        with pytest.raises(zkvm.Error) as found:
            open_job.add(wrong)
        assert found.value.code == "invalid-segment"
    with pytest.raises(IndexError):
        open_job.prove(len(open_job.segments))
    with pytest.raises(ValueError):
        open_job.prove(-1)
    with pytest.raises(zkvm.Trapped):
        zkvm.jobs.plan(task, words(2), **OPTIONS)
    with pytest.raises(ValueError, match="rate"):
        zkvm.jobs.plan(task, X, rate="1/3")


def test_progress_ends_a_part():
    class Stop(Exception):
        pass

    def stop(part, stage):
        assert 0 <= part <= 1 and isinstance(stage, str)
        raise Stop

    open_job = zkvm.jobs.Job(zkvm.jobs.plan(zkvm.Model(guest("host_test")), words(4, 22), security_bits=QUICK, segment_cycles=1 << 20,
                                            console=None))
    with pytest.raises(Stop):
        open_job.prove(0, threads=1, progress=stop)
