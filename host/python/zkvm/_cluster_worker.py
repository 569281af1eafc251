"""What a worker of a Ray cluster does: it proves one segment."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from typing import Any

from .jobs import Job
from .receipts import Error

# The job that this process had last, open: most of its segments come one after another.
_open: tuple[str, Job] | None = None


def digest(part: bytes) -> str:
    """What a part is known by on its way."""
    return hashlib.blake2b(part, digest_size=32).hexdigest()


def _self() -> dict[str, str]:
    import ray

    return {"worker": f"{socket.gethostname()} (process {os.getpid()})", "node": ray.get_runtime_context().get_node_id()}


def _opened(job: list[Any], name: str) -> Job:
    global _open
    if _open is None or _open[0] != name:
        import ray

        _open = None  # before there are two
        _open = (name, Job(ray.get(job[0])))
    return _open[1]


def prove_part(job: list[Any], name: str, segment: int, threads: int) -> dict[str, Any]:
    """The part of a segment, or why there is none. `job`: a reference to its bytes, in a list so that they are fetched
    only where they are not open yet; `name`: what they are known by."""
    start = time.monotonic()
    said: dict[str, Any] = {"segment": segment, **_self()}
    try:
        part = _opened(job, name).prove(segment, threads=threads)
    except Error as error:
        return {**said, "error": str(error), "code": error.code}
    except MemoryError as error:
        return {**said, "error": str(error) or "out of memory", "code": "out-of-memory"}
    return {**said, "part": part, "digest": digest(part), "seconds": time.monotonic() - start}


def warm() -> None:
    """Starts a process and imports what it needs."""
