"""What ONNX Runtime makes of a model: the outputs of the cases."""

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail  # noqa: F401, of a session that cannot run

from graph import TYPES, limits

onnxruntime.set_default_logger_severity(4)


def session(model, optimised=True, qdq=True):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if qdq:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def random_values(feed, sample, rng):
    """Bytes as our guest gets them; the second sample is of extremes."""
    if feed.values is not None:
        return np.array(feed.values[sample % len(feed.values)], dtype=TYPES[feed.dtype]).reshape(feed.dims)
    if feed.dtype == "s64":
        return rng.integers(0, feed.rows, feed.dims, dtype=np.int32)
    low, high = limits(feed.dtype)
    if sample == 1:
        return rng.choice(np.array([low, high, low + 1, feed.zero], dtype=TYPES[feed.dtype]), feed.dims)
    return rng.integers(low, high + 1, feed.dims).astype(TYPES[feed.dtype])


def as_model_wants(feed, values, element):
    if feed.dtype == "s64":
        return values.astype(np.int64 if element == "tensor(int64)" else np.int32)
    if feed.scale is None:
        return values
    return (values.astype(np.float32) - np.float32(feed.zero)) * np.float32(feed.scale)


def whole_sums(name, values, worth):
    sums = values.astype(np.float64) / (worth.reshape(-1, *[1] * (values.ndim - 2)) if worth.ndim else worth)
    if np.abs(sums - np.rint(sums)).max() > 0.05:
        raise ValueError(f"{name}: no whole sums")
    return np.rint(sums).astype(np.int32)


def whole_bytes(values, like):
    codes = np.rint(values.astype(np.float64) / like.scale) + like.zero
    return codes.astype(TYPES[like.dtype])


def outputs(graph, samples):
    """(the model, its samples, the greatest difference to a session without optimisation, that one's outputs)."""
    plain = graph.model()
    base = session(plain)
    kinds = {i.name: i.type for i in base.get_inputs()}
    names = [o.name for o in base.get_outputs()]
    extra = [cut for cut in graph.cuts if cut not in names]
    opened = session(graph.model(extra=extra)) if extra else base
    slow = session(graph.model(extra=extra), optimised=False)
    rng = graph.rng
    result, furthest, shapes, unoptimised = [], 0, {}, []
    for sample in range(samples):
        values = [random_values(feed, sample, rng) for feed in graph.feeds]
        feeds = {f.name: as_model_wants(f, v, kinds[f.name]) for f, v in zip(graph.feeds, values)}
        want = base.run(None, feeds)
        shapes = {n: v.shape for n, v in zip(names, want)}
        got = dict(zip(names + extra, opened.run(names + extra, feeds)))
        for name, value in zip(names, want):
            if not np.array_equal(value, got[name], equal_nan=True):
                raise ValueError(f"{graph.name}: {name} changes where quantised tensors are outputs")
        other = dict(zip(graph.cuts, slow.run(graph.cuts, feeds)))
        row = []
        for cut in graph.cuts:
            value = got[cut]
            if cut in graph.sums:
                value = whole_sums(cut, value, graph.sums[cut])
                other[cut] = whole_sums(cut, other[cut], graph.sums[cut])
            if cut in graph.moved:
                value, other[cut] = (whole_bytes(v, graph.moved[cut]) for v in (value, other[cut]))
            if value.dtype == np.int64:
                value = value.astype(np.int32)
            if value.dtype not in (np.uint8, np.int8, np.int32):
                raise ValueError(f"{graph.name}: {cut} is {value.dtype}")
            if value.size:
                away = np.abs(value.astype(np.int64) - other[cut].astype(np.int64)).max()
                furthest = max(furthest, int(away))
            row.append(value.tobytes())
        result.append(([v.tobytes() for v in values], row))
        unoptimised.append([other[cut].tobytes() for cut in graph.cuts])
    model = graph.model(shapes)
    return model.SerializeToString(deterministic=True), result, furthest, unoptimised
