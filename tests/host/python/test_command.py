"""`python -m zkvm` is the command line; `import_onnx` is its import."""

import json
import os
import signal
import subprocess
import sys

import numpy
import pytest
import zkvm
from conftest import BUILD, ROOT, guest, words

MLP = ROOT / "examples/mnist/data/mlp.int8.onnx"


def python(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "zkvm", *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.mark.parametrize("arguments", [["--help"], ["prove", "--help"], ["--version"], ["id", guest("hello")], [], ["nothing"],
                                       ["id", "no such file"], ["inspect", guest("hello")]])
def test_it_says_what_the_program_says(arguments):
    ours, program = python(*arguments), subprocess.run([BUILD / "bin/zkvm", *map(str, arguments)], capture_output=True, text=True)
    assert (ours.returncode, ours.stdout, ours.stderr) == (program.returncode, program.stdout, program.stderr)


def test_it_proves_and_verifies(tmp_path):
    receipt, numbers = tmp_path / "a.zkr", tmp_path / "numbers"
    numbers.write_bytes(words(*range(8)))
    made = python("prove", guest("hello"), "--input", numbers, "-o", receipt, "--json")
    assert made.returncode == 0 and json.loads(made.stdout)["receipt"] == str(receipt)
    assert python("verify", receipt, "--elf", guest("hello")).returncode == 0
    assert python("verify", receipt, "--elf", guest("host_test")).returncode == 1
    assert zkvm.verify(receipt.read_bytes(), json.loads(made.stdout)["image_id"]).exit_code == 0


def test_signals_end_it_as_they_end_the_program(tmp_path):
    command = [sys.executable, "-m", "zkvm", "run", str(guest("host_test")), "--input", "/dev/stdin"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(words(3))
    process.stdin.close()
    import time
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    closed = subprocess.run(f"{sys.executable} -m zkvm disasm {guest('hello')} | head -1", shell=True, capture_output=True)
    assert closed.stderr == b""


def test_import_build_prove(tmp_path, monkeypatch):
    monkeypatch.setenv("zkvm_DIR", str(BUILD))
    project = zkvm.import_onnx(MLP, tmp_path / "digits", output="argmax")
    assert project.name == "mlp" and project.model_id is None and project.report["weights"] > 40_000
    assert "data:image/svg+xml" in project._repr_html_()
    model = project.build()
    pictures = numpy.fromfile(ROOT / "examples/mnist/data/digits.u8", numpy.uint8).reshape(-1, 28, 28)
    labels = numpy.fromfile(ROOT / "examples/mnist/data/labels.u8", numpy.uint8)
    receipt = model.prove(pictures[0].astype(numpy.float32) / 255)
    (name,) = model.verify(receipt)
    assert model.verify(receipt)[name].item() == labels[0] == receipt.report.run.outputs[name].item()
    # The file NAME.model.json is what the guest says.
    section = (tmp_path / "digits/mlp.model.json").read_bytes()
    found = zkvm.verify(receipt, model.image_id, model=section).outputs[name]
    assert numpy.asarray(found.values).item() == labels[0] and found.type == "int32"
    with pytest.raises(zkvm.InvalidModel, match="expected a folder that is new or empty"):
        zkvm.import_onnx(MLP, tmp_path / "digits")
    assert zkvm.import_onnx(MLP.read_bytes(), tmp_path / "digits", name="mlp", output="argmax", force=True).folder == project.folder


def test_import_of_private_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("zkvm_DIR", str(BUILD))
    salt = bytes(range(32))
    project = zkvm.import_onnx(MLP, tmp_path / "p", private_weights=True, public_input=True, salt=salt)
    assert len(project.model_id) == 64
    other = zkvm.import_onnx(MLP, tmp_path / "q", private_weights=True, salt=salt.hex(), name="other", batch=2)
    assert other.model_id == project.model_id
    assert not [name for name in os.listdir("/tmp") if name.startswith("zkvm.import.")]


@pytest.mark.parametrize("model, options, message", [
    (b"", {}, "model"), (b"garbage", {}, "model"), (MLP, {"output": "some"}, "--output: expected all, argmax or topk K"),
    (MLP, {"name": "9"}, "--name"), (MLP, {"salt": bytes(32)}, "--salt: expected --private-weights"), ("none.onnx", {}, "none.onnx"),
    (MLP, {"batch": 0}, "--batch"),
])
def test_imports_that_are_refused(tmp_path, monkeypatch, model, options, message):
    monkeypatch.setenv("zkvm_DIR", str(BUILD))
    with pytest.raises(zkvm.InvalidModel, match=message):
        zkvm.import_onnx(model, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_import_stays_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("zkvm_DIR", str(BUILD))
    (tmp_path / "zkvm.py").write_text("raise SystemExit('of the working folder')")
    (tmp_path / "json.py").write_text("raise SystemExit('of the working folder')")
    monkeypatch.chdir(tmp_path)
    assert zkvm.import_onnx(MLP, tmp_path / "x").name == "mlp"
    with pytest.raises(zkvm.InvalidModel, match="--name"):
        zkvm.import_onnx(b"garbage", tmp_path / "y", name=str(tmp_path / "escaped"))
    with pytest.raises(zkvm.InvalidModel, match="-h"):
        zkvm.import_onnx("-h", tmp_path / "y")
    assert sorted(os.listdir(tmp_path)) == ["json.py", "x", "zkvm.py"]


def test_salts_are_in_no_message(tmp_path):
    for call in (lambda salt: zkvm.commit(b"data", salt), lambda salt: zkvm.import_onnx(MLP, tmp_path / "x", salt=salt)):
        with pytest.raises(ValueError) as refused:
            call("ab" * 31 + "c")
        assert "abab" not in str(refused.value) and "63 characters" in str(refused.value)


def test_an_interrupt_that_a_parent_ignores_is_ignored():
    command = f"trap '' INT; exec {sys.executable} -m zkvm run {guest('host_test')} --input - --max-cycles 600000000"
    process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(words(3))
    process.stdin.close()
    import time
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1  # the cycle limit


def test_names():
    code = "from zkvm import *; import zkvm, inspect; inspect.getmembers(zkvm); print(Model.__name__, zkvm.__version__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.startswith("Model 0.")
    with pytest.raises(AttributeError):
        zkvm.nothing


def test_where_the_package_is(tmp_path, monkeypatch):
    monkeypatch.setenv("zkvm_DIR", str(tmp_path))
    with pytest.raises(zkvm.InvalidModel, match="zkvm_DIR: expected a folder with zkvmConfig.cmake"):
        zkvm.import_onnx(MLP, tmp_path / "x")
    monkeypatch.delenv("zkvm_DIR")
    with pytest.raises(zkvm.InvalidModel, match="set zkvm_DIR to the folder that has it"):
        zkvm.import_onnx(MLP, tmp_path / "x")
