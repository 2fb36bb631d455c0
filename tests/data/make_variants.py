#!/usr/bin/env python3
"""Makes `variants/`: small checkpoints with options that published base models do not use, and what the study's code
makes of them.

usage: make_variants.py        (in this folder; needs torch, numpy, safetensors and transformers 4.30.2)

For each checkpoint: every hidden state and the final output at the last frame of windows of 1 s that grow from 0.2 s, raw
samples of clip.wav, in double precision. Arrays: `<variant>`, (windows, vectors, features) f32, the final output last.
`activations.npz` holds the same for the weights of `plain` with another activation function in blocks and stem; those
that only newer versions of transformers name are put into the list as those have them.

`batch-normed` is not made here: it is a checkpoint and output of transformers 5.24 (HubertModel with conv_pos_batch_norm).
"""
import wave
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from torch import nn
from transformers import HubertConfig, Wav2Vec2Config, WavLMConfig, AutoModel
from transformers.activations import ACT2CLS, ACT2FN

assert transformers.__version__ == "4.30.2"
HERE = Path(__file__).parent
OUT = HERE / "variants"
CHUNK, WINDOW, ROWS = 3200, 16000, 6
SMALL = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, conv_dim=[8] * 7,
    num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, mask_time_prob=0.0, vocab_size=8,
)
LARGE = dict(do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
VARIANTS = {
    "plain": Wav2Vec2Config(**SMALL),
    "attention-adapter": Wav2Vec2Config(**SMALL, **LARGE, adapter_attn_dim=4, layer_norm_eps=1e-3),
    "attention-adapter-hubert": HubertConfig(**SMALL, **LARGE, adapter_attn_dim=3),
    "adapter": Wav2Vec2Config(**SMALL, add_adapter=True, num_adapter_layers=2),
    "adapter-large": WavLMConfig(
        **SMALL, **LARGE, add_adapter=True, num_adapter_layers=1, adapter_kernel_size=4, adapter_stride=3
    ),
}


class RootSoftplus(nn.Module):
    def forward(self, x):
        return nn.functional.softplus(x).sqrt()


class GeluTanh(nn.Module):
    def forward(self, x):
        return nn.functional.gelu(x, approximate="tanh")


NEWER = {"leaky_relu": nn.LeakyReLU, "hardswish": nn.Hardswish, "sqrtsoftplus": RootSoftplus, "gelu_python_tanh": GeluTanh}
ACTIVATIONS = [*ACT2CLS, *NEWER]


def samples():
    with wave.open(str(HERE / "clip.wav"), "rb") as file:
        assert file.getparams()[:3] == (1, 2, 16000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def randomise(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            elif parameter.ndim < 2:
                parameter.copy_(0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) * 1.2 / np.sqrt(parameter[0].numel()))


def rows(model, sound):
    found = []
    for end in range(CHUNK, CHUNK * ROWS + 1, CHUNK):
        window = torch.tensor(sound[max(0, end - WINDOW):end])[None]
        with torch.no_grad():
            output = model.double().eval()(window, output_hidden_states=True)
        states = [*output.hidden_states, output.last_hidden_state]
        found.append([state[0, -1].numpy() for state in states])
    return np.array(found, np.float32)


def main():
    ACT2FN.update(NEWER)
    sound = samples()
    expected = {}
    for seed, (name, config) in enumerate(VARIANTS.items()):
        model = AutoModel.from_config(config)
        randomise(model, seed)
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.float().contiguous() for k, v in model.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        (folder / "config.json").write_text(config.to_json_string())
        expected[name] = rows(model, sound)
    np.savez_compressed(OUT / "expected.npz", **expected)
    plain = AutoModel.from_config(VARIANTS["plain"])
    randomise(plain, 0)
    weights = plain.state_dict()
    others = {}
    for activation in ACTIVATIONS:
        # Squared seven times in a row, the stem's numbers would leave single precision.
        stem = "gelu" if activation == "relu2" else activation
        config = Wav2Vec2Config(**SMALL, hidden_act=activation, feat_extract_activation=stem)
        model = AutoModel.from_config(config)
        model.load_state_dict(weights)
        others[activation] = rows(model, sound)
    np.savez_compressed(OUT / "activations.npz", **others)


if __name__ == "__main__":
    main()
