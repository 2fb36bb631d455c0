"""Makes the ONNX files (.pb here) that are refused, and one with external data, out of the exports of this folder."""

import pathlib

import onnx
from onnx import TensorProto, helper
from onnx.external_data_helper import convert_model_to_external_data

HERE = pathlib.Path(__file__).resolve().parent


def read(name="hubert-large.torchscript"):
    return onnx.load(HERE / f"{name}.onnx")


def write(model, name):
    (HERE / f"{name}.pb").write_bytes(model.SerializeToString())


def pointing_at(**place):
    """One array moved out of the file; the others are gone, which is not looked at before."""
    model = read()
    array = next(array for array in model.graph.initializer if len(array.raw_data) > 2000)
    array.ClearField("raw_data")
    array.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        array.external_data.add(key=key, value=str(value))
    del model.graph.node[:]
    for other in list(model.graph.initializer):
        if other.name != array.name:
            model.graph.initializer.remove(other)
    return model


def small_graph(nodes, input_name="input_values", shape=("batch", "samples"), opset=17, number=TensorProto.FLOAT):
    return helper.make_model(
        helper.make_graph(nodes, "small", [helper.make_tensor_value_info(input_name, number, shape)],
                          [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "frames", 4])]),
        opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


write(pointing_at(location="../weights"), "refused-outside")
write(pointing_at(location="nowhere.bin"), "refused-missing")
write(pointing_at(location="make_refused.py", offset=1 << 40, length=4096), "refused-past-end")
one = [helper.make_node("Neg", ["input_values"], ["out"])]
write(small_graph([helper.make_node("Cast", ["tokens"], ["out"], to=1)], "tokens", number=TensorProto.INT64),
      "refused-tokens")
write(small_graph(one, shape=("batch", 4000)), "refused-fixed")
write(small_graph(one), "refused-no-layers")

old = read("hubert-base.opset14")
for other in list(old.opset_import):
    other.version = 11
write(old, "refused-old")

external = read()
(HERE / "external.bin").unlink(missing_ok=True)
convert_model_to_external_data(external, location="external.bin", size_threshold=1024)
onnx.save(external, HERE / "external.pb")
