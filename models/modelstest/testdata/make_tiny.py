#!/usr/bin/python3
"""Writes tiny/ and strange/, the models of the tests: model.onnx and card.json.

The network is worked out by hand, not trained: it averages each colour of a
32x32 picture and is sure of

    battery         for red pictures
    food_scraps     for green ones
    plastic         for blue ones
    sanitary_waste  for black ones

so that a test knows what to expect. strange/ is the same network with one output
more, which calls a picture strange by twice the mean of its weakest colour: 0 for
the pictures above, 2 for white. Run with Debian's python3-onnx:

    /usr/bin/python3 models/modelstest/testdata/make_tiny.py
"""
import hashlib
import json
import pathlib

from onnx import TensorProto, checker, helper

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = ["battery", "food_scraps", "plastic", "sanitary_waste"]
GAIN = 12.0

# logit[c] = GAIN * (mean of colour c - half the mean of each other colour);
# black: GAIN * (0.5 - the sum of the means).
WEIGHT = [[GAIN if r == c else -GAIN / 2 for c in range(3)] + [-GAIN] for r in range(3)]
BIAS = [0.0, 0.0, 0.0, GAIN / 2]


def write(name, strange):
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"], axis=1),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(CLASSES)]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
    ]
    weights = [
        helper.make_tensor("weight", TensorProto.FLOAT, [3, len(CLASSES)], sum(WEIGHT, [])),
        helper.make_tensor("bias", TensorProto.FLOAT, [len(CLASSES)], BIAS),
    ]
    if strange:
        nodes += [
            helper.make_node("ReduceMin", ["features"], ["weakest"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["weakest", "twice"], ["strangeness"]),
        ]
        outputs.append(helper.make_tensor_value_info("strangeness", TensorProto.FLOAT, ["n", 1]))
        weights.append(helper.make_tensor("twice", TensorProto.FLOAT, [1], [2.0]))
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 32, 32])], outputs, weights
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="binside")
    model.ir_version = 8
    checker.check_model(model)
    data = model.SerializeToString()
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    card = {
        "version": name + "-1",
        "classes": CLASSES,
        "input": {
            "name": "input", "width": 32, "height": 32, "colour": "rgb", "resize": "stretch",
            "fill": [114, 114, 114], "mean": [0, 0, 0], "deviation": [1, 1, 1],
        },
        "output": {"logits": "logits", "embedding": "features"} | ({"strangeness": "strangeness"} if strange else {}),
        "temperature": 1,
        "metrics": {"note": "worked out by hand, measured on nothing"},
        "data": {"digest": hashlib.sha256(b"").hexdigest(), "sources": ["none"], "train": 1, "val": 0},
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0",
        "notes": "For tests: tells red, green, blue and black pictures apart.",
    }
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    write("tiny", False)
    write("strange", True)
