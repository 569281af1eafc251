"""Models as ONNX Runtime computes them on the CPU, without its warnings."""

from collections.abc import Iterable

import onnx
import onnxruntime


def open_session(model: onnx.ModelProto, extra: Iterable[str] = (),
                 entries: Iterable[str] = ()) -> onnxruntime.InferenceSession:
    """With the tensors `extra` as further outputs, and these entries of its configuration set to 1."""
    opened = onnx.ModelProto()  # a copy: the bytes of a tensor do not depend on who reads it
    opened.CopyFrom(model)
    present = {value.name for value in [*model.graph.output, *model.graph.input]}
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(extra) if name not in present)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for entry in entries:
        options.add_session_config_entry(entry, "1")
    return onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
