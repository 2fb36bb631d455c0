"""Writes the checkpoints of this folder with PyTorch, and what their tensors hold as text.

Run with PyTorch 2.15 or another: python make_checkpoints.py
"""

import argparse
import json
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def tensors():
    ramp = torch.arange(24, dtype=torch.float32) / 8 - 1
    return OrderedDict(
        single=ramp.reshape(2, 3, 4).clone(),
        half=ramp[:6].reshape(2, 3).half(),
        brain=(ramp[:6] * 1.5).bfloat16(),
        double=ramp[:5].double(),
        shared=ramp,
        shared_later=ramp[4:16].reshape(3, 4),
        transposed=ramp[:6].reshape(2, 3).t(),
        integers=torch.arange(4),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.tensor([[1.0], [2.0]])),
    )


def write(name, checkpoint, **options):
    torch.save(checkpoint, HERE / name, **options)


def main():
    tensors_ = tensors()
    write("plain.bin", tensors_)
    write("legacy.bin", tensors_, _use_new_zipfile_serialization=False)
    write("protocol4.bin", tensors_, pickle_protocol=4)
    training = {"epoch": 3, "args": argparse.Namespace(lr=0.1), "state_dict": dict(tensors_)}
    write("training.bin", training)
    module = torch.nn.Linear(3, 2)
    write("state_dict.bin", module.state_dict())
    write("whole_model.bin", torch.nn.Sequential(module))
    names = list(tensors_)
    shards = {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)}
    folder = HERE / "sharded"
    folder.mkdir(exist_ok=True)
    for file, part in shards.items():
        torch.save({name: tensors_[name].clone() for name in part}, folder / file)
    weight_map = {name: file for file, part in shards.items() for name in part}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")
    values = {
        name: {"shape": list(tensor.shape), "values": tensor.detach().double().flatten().tolist()}
        for name, tensor in tensors_.items()
    }
    (HERE / "values.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
