"""The MobileNetV2 of the npm package nsfwjs: a Keras model as tensorflow.js stores it, and what it computes, in numpy.

The package has the topology as an object literal of JavaScript and the weights as base64 in a string, each behind a
CommonJS wrapper. A weight is a byte q: q * scale + min, in doubles, rounded to float32.
"""
import base64
import json
import math
import pathlib
import re

import numpy as np

MODEL = "package/dist/models/mobilenet_v2"
CLASSES = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"]  # package/dist/cjs/nsfw_classes.js
# Of a literal what JSON has not: !0 and !1, keys without quotation marks, numbers that begin with the point.
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|!(?P<bool>[01])|(?P<key>[A-Za-z_]\w*)(?=:)|(?<![\w.])(?P<sign>-?)\.(?=\d)')


def _json(token):
    if token["bool"]:
        return "true" if token["bool"] == "0" else "false"
    if token["key"]:
        return f'"{token["key"]}"'
    return token[0] if token[0].startswith('"') else f"{token['sign']}0."


def exported(path):
    """What the CommonJS file exports: a literal."""
    text = path.read_text()
    value, _ = json.JSONDecoder().raw_decode(LITERAL.sub(_json, text[text.index(".exports=", 500) + len(".exports="):]))
    return value


def read(folder):
    """(layers, weights) of the unpacked package: Keras's layers in their order; {name: float32 array}."""
    folder = pathlib.Path(folder) / MODEL
    model = exported(folder / "model.min.js")
    weights = {}
    for group in model["weightsManifest"]:
        data = b"".join(base64.b64decode(exported(folder / f"{shard}.min.js")) for shard in group["paths"])
        at = 0
        for spec in group["weights"]:
            count, quantised = math.prod(spec["shape"]), spec["quantization"]
            if quantised["dtype"] != "uint8":
                raise ValueError(f"{spec['name']}: expected uint8, found {quantised['dtype']}")
            codes = np.frombuffer(data, np.uint8, count, at).astype(np.float64)
            weights[spec["name"]] = (codes * quantised["scale"] + quantised["min"]).astype(np.float32).reshape(spec["shape"])
            at += count
        if at != len(data):
            raise ValueError(f"weights: expected {at} bytes, found {len(data)}")
    return model["modelTopology"]["model_config"]["config"]["layers"], weights


def inputs_of(layer):
    return [source[0] for source in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []


def _windows(x, config):
    """[h][w][c] -> [h'][w'][c][rows][columns]."""
    (rows, columns), (down, right) = config["kernel_size"], config["strides"]
    if config["padding"] == "same":
        if (down, right) != (1, 1):
            raise ValueError(f"{config['name']}: expected stride 1 with padding 'same'")
        x = np.pad(x, ((rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(0, 1))[::down, ::right]


def evaluate(layers, weights, image):
    """Probabilities of CLASSES: float64 throughout, layer by layer as Keras says. image: [224][224][3], pixels / 255."""
    values = {}
    for layer in layers:
        config, kind, name = layer["config"], layer["class_name"], layer["config"]["name"]
        xs = [values[source] for source in inputs_of(layer)]
        w = {key.removeprefix(name + "/"): array for key, array in weights.items() if key.startswith(name + "/")}
        if kind == "InputLayer":
            y = image.astype(np.float64)
        elif kind == "ZeroPadding2D":
            y = np.pad(xs[0], (*config["padding"], (0, 0)))
        elif kind == "Conv2D":
            y = np.einsum("hwcij,ijco->hwo", _windows(xs[0], config), w["kernel"], optimize=True)
        elif kind == "DepthwiseConv2D":
            y = np.einsum("hwcij,ijc->hwc", _windows(xs[0], config), w["depthwise_kernel"][..., 0])
        elif kind == "BatchNormalization":
            y = (xs[0] - w["moving_mean"]) / np.sqrt(w["moving_variance"] + config["epsilon"]) * w["gamma"] + w["beta"]
        elif kind == "ReLU":
            y = np.clip(xs[0], 0, config["max_value"])
        elif kind == "Add":
            y = xs[0] + xs[1]
        elif kind == "AveragePooling2D":
            y = xs[0].mean(axis=(0, 1), keepdims=True)
        elif kind == "Flatten":
            y = xs[0].ravel()
        elif kind == "Dropout":
            y = xs[0]
        elif kind == "Dense":
            y = xs[0] @ w["kernel"] + w["bias"]
            y = np.exp(y - y.max()) / np.exp(y - y.max()).sum() if config["activation"] == "softmax" else np.maximum(y, 0)
        else:
            raise ValueError(f"{name}: unknown layer {kind}")
        values[name] = y
    return y
