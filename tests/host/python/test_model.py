"""Models: inputs in the model's own terms, proofs, named outputs."""

import array
import os
import pickle
import stat

import numpy
import pytest
import zkvm
import zkvm_verify
from conftest import BUILD, QUICK, ROOT, guest, words
from PIL import Image

PICTURES = numpy.array([[[[1.0, -3.5, 7.24], [0.5, 2.0, 0.26]]], [[[0, 0, 40.0], [9.0, 0.25, -60]]]], numpy.float32)
OFFSETS = numpy.array([5, -7], numpy.int64)


def expected_of(pictures, offsets):
    """What host_model.elf does, in numpy."""
    quantised = numpy.clip(numpy.rint(pictures.reshape(2, 2, 3) / numpy.float32(0.5)) - 28, -128, 127).astype(int)
    sums = numpy.clip(quantised.sum(1), -128, 127)
    return sums, (sums + 56) * 0.5, sums.argmax(1) + offsets


@pytest.fixture(scope="module")
def receipt(columns):
    return columns.prove({"picture": PICTURES, "offset": OFFSETS}, security_bits=QUICK)


def test_description(columns, hello):
    assert (columns.name, columns.description.batch) == ("columns", 2)
    picture, offset = columns.inputs
    assert (picture.name, picture.shape, picture.type, picture.model_type) == ("picture", (1, 2, 3), "int8", "float32")
    assert (picture.scale, picture.zero_point, offset.shape, offset.scale) == (0.5, -28, (), None)
    assert columns.outputs[1].index and columns.outputs[0].labels == ("left", "middle", "right")
    assert (hello.description, hello.inputs, hello.outputs, hello.name) == (None, (), (), "")
    assert "columns" in columns._repr_html_() and hello.image_id in hello._repr_html_()


def test_outputs(columns, receipt):
    integers, reals, classes = expected_of(PICTURES, OFFSETS)
    outputs = columns.verify(receipt, security_bits=QUICK)
    assert list(outputs) == ["sums", "class", "half"] and len(outputs) == 3
    assert outputs["sums"].dtype == numpy.float32 and outputs["sums"].shape == (2, 1, 3)
    numpy.testing.assert_array_equal(outputs["sums"].reshape(2, 3), reals)
    numpy.testing.assert_array_equal(numpy.asarray(outputs.details["sums"].values).reshape(2, 3), integers)
    assert outputs.details["sums"].type == "int8"
    numpy.testing.assert_array_equal(outputs["class"].ravel(), classes)
    assert outputs["class"].dtype == numpy.int32
    numpy.testing.assert_array_equal(outputs["half"].ravel(), [2.5, -3.5])
    names = ("left", "middle", "right")
    assert outputs.labels("sums") == tuple(names[i] for i in integers.argmax(1))
    assert outputs.labels("class") == tuple(names[i] if 0 <= i < 3 else "" for i in classes)
    assert outputs.labels("half") == ()
    assert outputs.verification.exit_code == 0
    assert "sums" in repr(outputs) and "128" not in outputs._repr_html_() and columns.image_id in outputs._repr_html_()
    again = pickle.loads(pickle.dumps(outputs))
    assert again == outputs != columns.verify(receipt, exit_code=None, security_bits=20)
    assert columns.verify(receipt, exit_code=None, security_bits=QUICK) == outputs
    with pytest.raises(TypeError):
        hash(outputs)
    numpy.testing.assert_array_equal(again["sums"], outputs["sums"])


def test_the_small_package_has_the_same_outputs(columns, receipt):
    proven = zkvm_verify.verify(bytes(receipt), columns.image_id, model=columns.description.section, security_bits=QUICK)
    ours = columns.verify(receipt, security_bits=QUICK)
    for name, output in proven.outputs.items():
        numpy.testing.assert_array_equal(numpy.asarray(output.values if output.reals is None else output.reals), ours[name])
        assert output.labels == ours.details[name].labels
    for other in (columns.description.section + b" ", b"", b"{}"):
        with pytest.raises(zkvm_verify.InvalidModel) as refused:
            zkvm_verify.verify(bytes(receipt), columns.image_id, model=other, security_bits=QUICK)
        assert refused.value.code == "wrong-model"


@pytest.mark.parametrize("x", [
    {"picture": PICTURES, "offset": OFFSETS},
    {"offset": OFFSETS, "picture": PICTURES.astype(numpy.float64)},
    {"picture": PICTURES.astype(">f4"), "offset": OFFSETS.astype(">i2")},
    {"picture": numpy.asfortranarray(PICTURES), "offset": [5, -7]},
    [PICTURES, OFFSETS],
    (PICTURES[0], OFFSETS[0], PICTURES[1], OFFSETS[1]),
    {"picture": (numpy.rint(PICTURES / numpy.float32(0.5)) - 28).clip(-128, 127).astype(numpy.int8), "offset": OFFSETS},
    {"picture": PICTURES.tolist(), "offset": OFFSETS.tolist()},
])
def test_inputs_of_every_kind(columns, x):
    assert columns.encode(x) == columns.encode({"picture": PICTURES, "offset": OFFSETS})
    assert columns.encode(columns.encode(x)) == columns.encode(x)


@pytest.mark.parametrize("x, message", [
    ({"picture": PICTURES}, "input 'offset': expected 2 examples, found 0"),
    ({"picture": PICTURES, "offset": OFFSETS, "more": OFFSETS}, "input 'more': expected one of the model's"),
    ({"picture": PICTURES[:, :, :, :2], "offset": OFFSETS}, "input 'picture': expected shape 1x2x3"),
    ({"picture": PICTURES.astype(numpy.int32), "offset": OFFSETS}, "input 'picture': expected float32, float64 or int8"),
    ({"picture": PICTURES, "offset": OFFSETS + 2**40}, "expected an int32, found one beyond"),
    ({"picture": PICTURES.astype(complex), "offset": OFFSETS}, "expected numbers or booleans, found complex64|complex128"),
    ({"picture": numpy.array(["a", "b"]), "offset": OFFSETS}, "expected numbers or booleans, found str"),
    ({"picture": numpy.array([object(), 1]), "offset": OFFSETS}, "expected numbers or booleans, found object"),
    (PICTURES, "expected 2 arrays, one for each input, found 1"),
    ({}, "expected 2 examples, found 0"),
])
def test_inputs_that_do_not_fit(columns, x, message):
    with pytest.raises(zkvm.InvalidModel, match=message):
        columns.prove(x)


def test_arrays_need_a_description(hello):
    with pytest.raises(zkvm.InvalidModel, match="expected bytes, as this guest does not say what its inputs are"):
        hello.prove(numpy.arange(8, dtype=numpy.uint32))


def mlp():
    folder = BUILD / "tests/host/import/private_mlp"
    return zkvm.Model(guest("host_private_mlp"), folder / "private_mlp.weights")


def digit(index=0):
    return numpy.fromfile(ROOT / "examples/mnist/data/digits.u8", numpy.uint8).reshape(-1, 28, 28)[index]


def test_a_digit():
    model = zkvm.Model(guest("mnist_lenet5"))
    label = numpy.fromfile(ROOT / "examples/mnist/data/labels.u8", numpy.uint8)[3]
    logits = numpy.fromfile(ROOT / "examples/mnist/data/lenet5.logits.i8", numpy.int8).reshape(-1, 10)[3]
    outputs = model.verify(model.prove(Image.fromarray(digit(3))))
    assert outputs["digit"].item() == label and outputs.labels("digit") == outputs.labels("logits") == (str(label),)
    numpy.testing.assert_array_equal(numpy.asarray(outputs.details["logits"].values).ravel(), logits)


def test_pictures():
    model = mlp()
    grey = Image.fromarray(digit())
    expected = model.encode(digit().astype(numpy.float32) / 255)
    assert model.encode(grey) == model.encode(grey.convert("L")) == expected
    assert len(model.encode(grey.convert("RGB"))) == len(expected)
    for mode in ("I;16", "I", "F", "RGBA", "LA", "CMYK"):  # what `convert` would cut off without a word
        with pytest.raises(zkvm.InvalidModel, match=f"expected mode 1, L, P or RGB, found {mode}"):
            model.encode(Image.new(mode, (28, 28)))
    with pytest.raises(zkvm.InvalidModel, match=r"expected 28x28 pixels, found 14x28: picture.resize\(\(28, 28\)\)"):
        model.encode(grey.resize((14, 28)))


def test_lists_are_arrays_or_several_of_them(columns):
    model, picture = mlp(), digit().astype(numpy.float32) / 255
    for x in (picture.tolist(), list(picture), [picture], (picture,), picture[None, None], {model.inputs[0].name: picture}):
        assert model.encode(x) == model.encode(picture)
    with pytest.raises(zkvm.InvalidModel, match="expected shape"):
        model.encode([picture, picture])


def test_numbers_that_are_none():
    model, picture = mlp(), digit().astype(numpy.float32) / 255
    broken = picture.copy()
    broken[3, 3] = numpy.nan
    with pytest.raises(zkvm.InvalidModel, match="expected numbers, found NaN"):
        model.encode(broken)
    with pytest.raises(zkvm.InvalidModel, match="found a masked one"):
        model.encode(numpy.ma.masked_array(picture, picture > 0.5))
    with pytest.raises(TypeError, match="expected names of inputs"):
        model.encode({1: picture})


def test_private_weights_and_public_input():
    model = mlp()
    assert model.description.private_weights > 0 and model.description.public_input
    picture = digit().astype(numpy.float32) / 255
    receipt = model.prove(picture, security_bits=QUICK)
    verifier = zkvm.Model(model.elf)  # who has no weights
    outputs = verifier.verify(receipt, input_is=picture, security_bits=QUICK)
    model_id = outputs.verification.model_id
    assert outputs[model.outputs[0].name].shape == model.outputs[0].shape
    assert verifier.verify(receipt, model_id=model_id, input_is=Image.fromarray(digit()), security_bits=QUICK) is not None
    assert zkvm.verify(receipt, model.image_id, security_bits=QUICK).journal[:32].hex() == model_id
    for wrong, code in (({"model_id": "00" * 32}, "wrong-model-id"), ({"input_is": picture * 0}, "wrong-input")):
        with pytest.raises(zkvm.InvalidReceipt) as refused:
            verifier.verify(receipt, security_bits=QUICK, **wrong)
        assert refused.value.code == code
    with pytest.raises(zkvm.InvalidModel, match="weights: expected"):
        verifier.prove(picture)


def test_runs_that_end_otherwise(columns, task):
    with pytest.raises(zkvm.Trapped):  # an input that ends early
        columns.prove(b"", console=None)
    assert columns.run(b"", console=None).outputs is None
    seven = task.prove(words(1), security_bits=QUICK)
    with pytest.raises(zkvm.InvalidReceipt, match="exit code: expected 0, found 7") as refused:
        task.verify(seven, security_bits=QUICK)
    assert refused.value.code == "wrong-exit-code"
    for exit_code in (7, None):
        outputs = task.verify(seven, exit_code=exit_code, security_bits=QUICK)
        assert outputs.verification.exit_code == 7 and "exit code 7" in outputs._repr_html_()
    with pytest.raises(zkvm.InvalidReceipt):
        columns.verify(columns.prove([PICTURES, OFFSETS], security_bits=QUICK), exit_code=7, security_bits=QUICK)
    with pytest.raises(ValueError, match="expected a guest that says what its model is"):
        task.verify(seven, model_id="00" * 32)


def test_files_that_are_no_guest(tmp_path, sums):
    for elf in (b"", b"\x7fELF", bytes(sums), guest("hello").read_bytes()[:100]):
        with pytest.raises(zkvm.InvalidGuest) as refused:
            zkvm.Model(elf)
        assert refused.value.code in ("malformed-elf", "unfit-elf")
    with pytest.raises(FileNotFoundError):
        zkvm.Model(tmp_path / "none.elf")
    with pytest.raises(TypeError, match="guest: expected bytes"):
        zkvm.Model(5)


def test_guests_without_a_model_take_whatever_has_bytes(hello):
    data = words(*range(8))
    for x in (data, bytearray(data), memoryview(data), array.array("B", data)):
        assert hello.encode(x) == data
    with pytest.raises(TypeError, match="input: expected bytes"):
        hello.encode(5)


def test_models_and_receipts_can_be_pickled(columns, receipt):
    again = pickle.loads(pickle.dumps((columns, receipt)))
    assert again == (columns, receipt)
    assert receipt.report and again[1].report is None  # it says more of the run than a receipt does
    assert again[0].verify(again[1], security_bits=QUICK)["half"].tolist() == [[2.5], [-3.5]]
    assert "elf" not in repr(columns)


def test_receipts_as_files(tmp_path, receipt):
    path = tmp_path / "a.zkr"
    old = os.umask(0o027)
    try:
        receipt.save(path)
    finally:
        os.umask(old)
    assert zkvm.Receipt.load(path) == receipt and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(receipt) == path.stat().st_size == len(bytes(receipt))
    with pytest.raises(FileNotFoundError):
        receipt.save(tmp_path / "none/a.zkr")
    assert os.listdir(tmp_path) == ["a.zkr"]
    assert "A receipt" in receipt._repr_html_() and "A receipt" in zkvm.Receipt(b"")._repr_html_()
    assert "MB" not in repr(receipt) and "bytes" in repr(receipt)
