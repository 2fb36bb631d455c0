"""Makes the ONNX files of this folder, and beside each the numbers that PyTorch gives for the same model.

Needs torch, transformers, onnx, onnxscript, onnxruntime and optimum-onnx (the versions used: torch 2.15,
transformers 4.57, onnx 1.23, onnxscript 0.7, onnxruntime 1.32, optimum-onnx 0.1).

The models are tiny and random: hidden states of every layer differ, which is all that the tests need. Each `.npz` holds
`input` (batch, ...) and `hidden` (batch, layers, dim): every hidden state at the wanted output frame, as
`output_hidden_states=True` gives it. Run it in this folder: python make_exports.py [name ...]
"""

import logging
import math
import pathlib
import shutil
import sys
import tempfile
import traceback
import warnings

import numpy as np
import onnx
import torch
import transformers
from transformers import (HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model, WavLMConfig,
                          WavLMModel, WhisperConfig, WhisperForConditionalGeneration, WhisperModel)

HERE = pathlib.Path(__file__).resolve().parent
N_SAMPLES = 4000


def waveform_config(kind, layers, stable, **more):
    return kind(hidden_size=24, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=40,
                conv_dim=(12,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
                do_stable_layer_norm=stable, feat_extract_norm="layer" if stable else "group", conv_bias=stable,
                vocab_size=8, initializer_range=0.15, **more)


def shaken(model):
    """Norms with weights that are not 1 and 0, so that before and after a norm differ."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "layer_norm" in name or "biases" in name or name.endswith("bias"):
                weight.add_(0.2 * torch.randn_like(weight))
    return model.eval()


def make(name, attention="sdpa"):
    torch.manual_seed(len(name) + 1)
    options = {"attn_implementation": attention}
    if name == "frames-first":
        return shaken(FramesFirst())
    if name == "whisper":
        config = WhisperConfig(d_model=16, encoder_layers=3, encoder_attention_heads=2, encoder_ffn_dim=24,
                               decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16, vocab_size=32,
                               init_std=0.2, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                               decoder_start_token_id=1, **options)
        return shaken(WhisperForConditionalGeneration(config))
    kinds = {"hubert": (HubertConfig, HubertModel), "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
             "wavlm": (WavLMConfig, WavLMModel), "ctc": (Wav2Vec2Config, Wav2Vec2ForCTC)}
    kind, size = name.split("-")
    config, model = kinds[kind]
    layers = 2 if size == "large" or kind == "wavlm" else 3
    if kind == "wavlm":
        config = waveform_config(config, layers, size == "large")
    else:
        config = waveform_config(config, layers, size == "large", **options)
    return shaken(model(config))


class FramesFirst(torch.nn.Module):
    """A wav2vec-like encoder whose hidden states have the axes (frames, batch, features), as fairseq has them."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv1d(1, 16, 10, 5), torch.nn.GELU(),
                                        torch.nn.Conv1d(16, 16, 8, 4), torch.nn.GELU())
        self.blocks = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(16, 2, 24, dropout=0.0, activation="gelu", norm_first=True)
            for _ in range(2))
        self.layer_norm = torch.nn.LayerNorm(16)

    def forward(self, window, output_hidden_states=False):
        hidden = self.stem(window[:, None]).permute(2, 0, 1)
        states = [hidden]
        for block in self.blocks:
            # The norm's bias asks for gradients, which keeps the exporter off the fused path.
            hidden = block(hidden)
            states.append(hidden)
        states[-1] = self.layer_norm(hidden)
        if output_hidden_states:
            turned = [state.transpose(0, 1) for state in states]
            return transformers.modeling_outputs.BaseModelOutput(hidden_states=turned)
        return (states[-1],)


def encoder_of(model):
    return model.get_encoder() if isinstance(model, WhisperForConditionalGeneration) else model


def example(model):
    """A window, and the index of its wanted output frame."""
    generator = np.random.default_rng(7)
    if isinstance(model, WhisperForConditionalGeneration):
        n_samples = 4000
        n_mel_frames = math.ceil(n_samples / 160)
        mels = np.full((1, 80, 3000), -0.9, dtype=np.float32)
        mels[:, :, :n_mel_frames] = generator.uniform(-0.9, 1.2, (1, 80, n_mel_frames))
        return mels, min(1499, (n_mel_frames + 1) // 2)
    return generator.standard_normal((1, N_SAMPLES)).astype(np.float32), -1


def keep_numbers(model, path):
    window, frame = example(model)
    with torch.no_grad():
        states = encoder_of(model)(torch.from_numpy(window), output_hidden_states=True).hidden_states
    hidden = np.stack([state[:, frame].numpy() for state in states], axis=1)
    if isinstance(model, WhisperForConditionalGeneration):
        # All frames after these are the same silence, which the reader repeats.
        window = window[:, :, :40]
    np.savez_compressed(path.with_suffix(".npz"), input=window, hidden=hidden)


class OnlyLast(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, window):
        return self.model(window)[0]


def torch_export(model, path, dynamo, opset=None, name=None, dtype=torch.float32):
    inner = encoder_of(model)
    window = torch.from_numpy(example(model)[0]).to(dtype)
    name = name or ("input_features" if isinstance(model, WhisperForConditionalGeneration) else "input_values")
    is_whisper = isinstance(model, WhisperForConditionalGeneration)
    axes = {0: "batch"} if is_whisper else {0: "batch", 1: "samples"}
    wrapped = OnlyLast(inner).eval()
    frames = 0 if isinstance(model, FramesFirst) else 1
    if dynamo:
        dims = {axis: torch.export.Dim.DYNAMIC for axis in axes}
        window = torch.cat([window, window])
        torch.onnx.export(wrapped, (window,), str(path), dynamo=True, input_names=[name], opset_version=opset,
                          output_names=["last_hidden_state"], dynamic_shapes=(dims,), external_data=False, verbose=False)
        without_traces(path)
    else:
        torch.onnx.export(wrapped, (window,), str(path), dynamo=False, input_names=[name],
                          output_names=["last_hidden_state"], opset_version=opset,
                          dynamic_axes={name: axes, "last_hidden_state": {frames: "frames", 1 - frames: "batch"}})


def without_traces(path):
    """The exporter's remarks on each node, but for the names that a reader may look at, are half of so small a file."""
    exported = onnx.load(path)
    for node in exported.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == "namespace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.ClearField("doc_string")
    onnx.save(exported, path)


def optimum_export(model, path):
    from optimum.exporters.onnx import main_export
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model.save_pretrained(folder / "in")
        if isinstance(model, WhisperForConditionalGeneration):
            transformers.WhisperFeatureExtractor().save_pretrained(folder / "in")
        else:
            transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder / "in")
        is_headed = isinstance(model, (Wav2Vec2ForCTC, WhisperForConditionalGeneration))
        task = "automatic-speech-recognition" if is_headed else "feature-extraction"
        main_export(str(folder / "in"), str(folder / "out"), task=task, do_validation=False, no_post_process=True)
        found = folder / "out" / ("encoder_model.onnx" if isinstance(model, WhisperForConditionalGeneration) else "model.onnx")
        shutil.copy(found, path)


def with_mask(model, path):
    """An export that asks for an attention mask too."""
    window = torch.from_numpy(example(model)[0])
    mask = torch.ones(window.shape, dtype=torch.int64)
    axes = {0: "batch", 1: "samples"}
    torch.onnx.export(model, (window, mask), str(path), dynamo=False, input_names=["input_values", "attention_mask"],
                      output_names=["last_hidden_state"], opset_version=17,
                      dynamic_axes={"input_values": axes, "attention_mask": axes,
                                    "last_hidden_state": {0: "batch", 1: "frames"}})


def optimised(source, path):
    """As ONNX Runtime saves it after its own extended fusions, SkipLayerNormalization among them."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def fused(source, path, size):
    """As ONNX Runtime's transformer optimiser writes it: SkipLayerNormalization, MultiHeadAttention and the like."""
    from onnxruntime.transformers import optimizer
    optimizer.optimize_model(str(source), model_type="bert", num_heads=2, hidden_size=size,
                             opt_level=0).save_model_to_file(str(path))


def halved(source, path):
    from onnxruntime.transformers.float16 import convert_float_to_float16
    onnx.save(convert_float_to_float16(onnx.load(source)), path)


MODELS = ["whisper", "hubert-base", "hubert-large", "wavlm-base", "wavlm-large", "wav2vec2-base", "wav2vec2-large"]


def jobs():
    for name in MODELS:
        yield f"{name}.torchscript", name, lambda m, p: torch_export(m, p, False)
        yield f"{name}.dynamo", name, lambda m, p: torch_export(m, p, True)
        yield f"{name}.optimum", name, optimum_export
    for name in ["whisper", "hubert-base", "hubert-large", "wavlm-base"]:
        yield f"{name}.opset14", name, lambda m, p: torch_export(m, p, False, 14)
    for name in ["whisper", "hubert-base", "hubert-large"]:
        yield f"{name}.dynamo23", name, lambda m, p: torch_export(m, p, True, 23)
    for name in ["whisper", "hubert-base", "hubert-large", "wavlm-base"]:
        yield (f"{name}.ort", name,
               lambda m, p, name=name: optimised(HERE / f"{name}.torchscript.onnx", p))
    for name in ["whisper", "hubert-base", "hubert-large"]:
        yield (f"{name}.fused", name, lambda m, p, name=name: fused(HERE / f"{name}.torchscript.onnx", p,
                                                                    16 if name == "whisper" else 24))
    for name in ["whisper", "hubert-base"]:
        yield f"{name}.half", name, lambda m, p, name=name: halved(HERE / f"{name}.torchscript.onnx", p)
    yield "wav2vec2-large.mask", "wav2vec2-large", with_mask
    yield "frames-first.torchscript", "frames-first", lambda m, p: torch_export(m, p, False)
    yield "frames-first.dynamo", "frames-first", lambda m, p: torch_export(m, p, True)
    yield "ctc-base.torchscript", "ctc-base", lambda m, p: torch_export(m, p, False, 17, "speech")
    yield "hubert-base.eager", "hubert-base:eager", lambda m, p: torch_export(m, p, False, 17)


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    wanted = sys.argv[1:]
    for file, name, export in jobs():
        if wanted and not any(word in file for word in wanted):
            continue
        path = HERE / f"{file}.onnx"
        name, _, attention = name.partition(":")
        try:
            model = make(name, attention or "sdpa")
            export(model, path)
            keep_numbers(model, path)
            print("made", file, path.stat().st_size, flush=True)
        except Exception:
            path.unlink(missing_ok=True)
            print("FAILED", file, traceback.format_exc().strip().splitlines()[-1][:300], flush=True)


if __name__ == "__main__":
    main()
