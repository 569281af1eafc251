"""A service on Ray Serve: POST what a guest reads, get a receipt.

    POST /    the input, as bytes. 200: the receipt. 400: no input of the model. 408, 413: too slow, too long an input. 422:
              the guest ended by a fault. 503: too many requests, or the cluster has no room for a proof
    GET /     JSON: image_id, what the guest says of its model, and the limits

Whoever asks verifies what it gets, as it is made by the cluster's own processes. A request whose client goes away is
cancelled.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from .cluster import print_note, prove
from .model import Model
from .receipts import Error, InvalidModel
from .running import Trapped, count

MOST_SECONDS_TO_READ = 60


class _Stopped(Exception):
    """The client is gone."""


class Prover:
    """One replica: it plans and assembles, and has segments proven by the cluster."""

    def __init__(self, elf: bytes, settings: dict[str, Any], limits: dict[str, int]) -> None:
        import ray

        self.model, self.limits = Model(elf), limits
        self.settings = {"address": ray.get_runtime_context().gcs_address, **settings}
        self.pool = ThreadPoolExecutor(limits["proofs"])
        self.asking = 0

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import JSONResponse

        def refuse(status: int, message: str) -> Any:
            return JSONResponse({"error": message}, status, {"Retry-After": "10"} if status == 503 else None)

        if request.method == "GET":
            description = self.model.description
            return JSONResponse({"image_id": self.model.image_id, "max_input": self.limits["max_input"],
                                 "model": json.loads(description.section) if description else None})
        if request.method != "POST":
            return refuse(405, "expected POST with the guest's input, or GET")
        if self.asking >= self.limits["proofs"] + self.limits["queue"]:
            return refuse(503, "too many requests")
        self.asking += 1
        try:
            return await self.answer(request, refuse)
        finally:
            self.asking -= 1

    async def answer(self, request: Any, refuse: Callable[[int, str], Any]) -> Any:
        from starlette.responses import Response

        async def read() -> bytes:
            x = bytearray()
            async for piece in request.stream():
                x += piece
                if len(x) > self.limits["max_input"]:
                    break
            return bytes(x)

        try:
            x = await asyncio.wait_for(read(), MOST_SECONDS_TO_READ)
        except asyncio.TimeoutError:
            return refuse(408, f"input: expected within {MOST_SECONDS_TO_READ} s")
        if len(x) > self.limits["max_input"]:
            return refuse(413, f"input: expected at most {self.limits['max_input']} bytes")
        stopped = threading.Event()

        def hear(_: object) -> None:
            if stopped.is_set():
                raise _Stopped

        def work() -> bytes:
            if stopped.is_set():
                raise _Stopped
            return prove(self.model, x, progress=hear, console=None, note=print_note, **self.settings).data

        try:
            receipt = await asyncio.get_running_loop().run_in_executor(self.pool, work)
        except asyncio.CancelledError:
            stopped.set()
            raise
        except Trapped as error:
            return refuse(422, str(error))
        except (InvalidModel, ValueError) as error:
            return refuse(400, str(error))
        except (Error, MemoryError) as error:
            print_note(str(error))  # which may name nodes
            return refuse(503, "the cluster could not prove it now")
        return Response(receipt, media_type="application/octet-stream", headers={"X-Zkvm-Image-Id": self.model.image_id})


def application(elf: bytes, settings: dict[str, Any], limits: dict[str, int]) -> Any:
    """What `ray.serve.run` takes. `settings`: arguments of `zkvm.cluster.prove`; `limits`: proofs at a time, requests that wait
    in `queue`, bytes of `max_input`."""
    serve: Any = importlib.import_module("ray.serve")  # typed in part
    # Serve's own limits are behind those of Prover, which lets GET through.
    most = limits["proofs"] + limits["queue"] + 100
    deployment = serve.deployment(Prover, name="zkvm", max_ongoing_requests=most, max_queued_requests=most,
                                  ray_actor_options={"num_cpus": 0})
    return deployment.bind(elf, settings, limits)


def serve_command(options: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    try:
        import ray
        from ray import serve
        from ray.serve.config import HTTPOptions
    except ImportError as error:
        raise Error("cluster", f"no Ray Serve in this Python ({error}): pip install 'zkvm[cluster]'") from None
    model = Model(options.elf)
    settings = {"threads": options.threads, "rate": options.rate, "security_bits": options.security, "regime": options.regime,
                "segment_cycles": options.segment_cycles, "memory_limit": options.memory_limit, "wait": options.wait}
    for name in ("proofs", "max_input", "threads"):
        count(name, getattr(options, name), 1)
    try:
        ray.init(address=options.address, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Error("cluster", f"no Ray cluster at {options.address!r}: {str(error).splitlines()[0]}") from None
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # after Ray has set its own
        signal.signal(number, lambda *_: ended.set())
    try:
        serve.start(http_options=HTTPOptions(host=options.host, port=options.port))
        serve.run(application(model.elf, settings, {"proofs": options.proofs, "queue": options.queue,
                                                    "max_input": options.max_input}), name="zkvm", route_prefix="/")
        print_note(f"serving {model.image_id} at http://{options.host}:{options.port}/")
        ended.wait()
    finally:
        serve.delete("zkvm")
        ray.shutdown()
    return 0
