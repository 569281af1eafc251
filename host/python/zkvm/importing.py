"""ONNX models as guests: `zkvm import`, in a process of its own."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Union

from .model import Model
from .receipts import BytesLike, InvalidModel, hex_digits, table, to_bytes
from .running import image


# The command line with this process's packages, and none of the working folder's.
_CHILD = """import sys
sys.path[:] = sys.argv.pop(1).split(":")
from zkvm.__main__ import main
main()"""


@dataclass(frozen=True)
class Project:
    """A guest's project that an import wrote.

    Attributes:
        report: layer by layer what a proof will cost, as `zkvm import --json` says it.
        model_id: the commitment to private weights, 64 hex digits; None: they are public.
    """

    folder: pathlib.Path
    name: str
    report: dict[str, Any]
    model_id: str | None

    def build(self, verbose: bool = False) -> Model:
        """Compiles the guest, which wants CMake and the RISC-V toolchain that toolchain/setup.sh installs. Private weights are
        read from the folder.

        Raises:
            subprocess.CalledProcessError: its `output` is what the build said.
        """
        configure, build = (shlex.split(command) for command in self.report["commands"][:2])
        for command in (configure, build[: build.index("--target")] if "--target" in build else build):
            done = subprocess.run(command, stdout=None if verbose else subprocess.PIPE,
                                  stderr=None if verbose else subprocess.STDOUT, text=True, check=False)
            if done.returncode != 0:
                raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
        weights = self.folder / f"{self.name}.weights"
        return Model(next(self.folder.glob(f"build/**/{self.name}.elf")), weights if weights.exists() else b"")

    def _repr_html_(self) -> str:
        picture = self.folder / "report.svg"
        rows = [("folder", str(self.folder)), ("weights", f"{self.report['weights']:,}"),
                ("a proof", f"about {self.report['expected_prove_seconds']:.2g} s")]
        rows += [("model id", self.model_id)] if self.model_id else []
        rows += [("warning", warning) for warning in self.report["warnings"]]
        return table(self.name, rows) + (image(picture.read_bytes(), "What each layer costs") if picture.exists() else "")


def import_onnx(model: Union[str, "os.PathLike[str]", BytesLike, Any], folder: str | os.PathLike[str], *,
                name: str | None = None, output: str | Sequence[Any] = "all", batch: int = 1,
                private_weights: bool = False, public_input: bool = False, salt: str | BytesLike | None = None,
                check: str | os.PathLike[str] | None = None, dims: Mapping[str, int] | None = None,
                memory_limit: int | str | None = None, float_tail: bool = False, force: bool = False) -> Project:
    """Makes a guest's project of an ONNX model of 8 bits, which it computes bit for bit as ONNX Runtime does.

    Args:
        model: the file's name or its bytes, or onnx's ModelProto. `zkvm.quantize` makes one of a float model.
        folder: new or empty, but for `force`.
        name: of the guest; None: the file's.
        output: what becomes public of each output: "all", "argmax", ("topk", 3).
        batch: inferences in one run and proof.
        private_weights: they are input, and their commitment stands in the journal.
        public_input: the journal ends with the inputs' BLAKE3.
        salt: of private weights, 32 bytes or 64 hex digits; None: fresh.
        check: an .npz of inputs and of the runtime's outputs, to compare with; the result is in `report`.
        dims: sizes of dimensions that the model names.
        memory_limit: cut layers for a proof in so much, "6G".
        float_tail: prove float arithmetic behind the last quantised tensors, in soft-float.
        force: write over an earlier import.

    Raises:
        InvalidModel: one that cannot be imported, or a folder that cannot be written; where and why is in its line.
    """
    options = ["-o", os.fspath(folder), "--batch", str(batch), "--json"]
    options += ["--output", *([output] if isinstance(output, str) else map(str, output))]
    for flag, is_given in (("--private-weights", private_weights), ("--public-input", public_input),
                           ("--float-tail", float_tail), ("--force", force)):
        options += [flag] if is_given else []
    # Of bytes there is no file's name, which would be the guest's.
    name = name or (None if isinstance(model, (str, os.PathLike)) else "model")
    for option, value in (("--name", name), ("--memory-limit", memory_limit), ("--check", check)):
        options += [] if value is None else [option, str(value) if isinstance(value, int) else os.fspath(value)]
    for dimension, size in (dims or {}).items():
        options += ["--dim", f"{dimension}={size}"]
    with tempfile.TemporaryDirectory(prefix="zkvm.import.") as temporary:
        if not isinstance(model, (str, os.PathLike)):
            path = pathlib.Path(temporary, "model.onnx")
            path.write_bytes(model.SerializeToString() if hasattr(model, "SerializeToString") else to_bytes(model, "model"))
            model = path
        if salt is not None:  # not on the command line, which all users of a machine see
            secret = pathlib.Path(temporary, "salt")
            secret.write_bytes(bytes.fromhex(hex_digits(salt, "salt")))
            options += ["--salt", str(secret)]
        done = subprocess.run([sys.executable, "-c", _CHILD, os.pathsep.join(filter(None, sys.path)), "import",
                               os.path.join(os.curdir, model), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"zkvm import: it ended with status {done.returncode}, and said: "
                           f"{done.stderr.decode(errors='replace').strip()}") from None
    if "error" in told:
        raise InvalidModel("malformed-model", told["error"])
    made = next(file for file in told["files"] if file.endswith(".model.json"))
    return Project(pathlib.Path(folder), made[: -len(".model.json")], told, told["model_id"])
