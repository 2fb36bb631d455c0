#!/usr/bin/env python3
"""Heschl beside Hugging Face's code on models of the published dimensions with random weights.

usage: real_dimensions.py PATH_OF_HESCHL [--shapes NAME ...] [--raw] [--keep FOLDER]

For each shape: makes the model with Hugging Face's code, saves it as a checkpoint (encoder only), extracts windows of
16.1 s of a real recording with both, and prints the largest absolute difference of each layer, beside it that layer's
standard deviation, then the time and peak memory that Heschl took. Exits with 1 if a layer differs by more than 1e-4
of its largest value. With --raw the samples are not
normalised, so that the large wirings share frames between windows. Needs torch, transformers, safetensors and numpy; not run by `cargo test`.
"""
import argparse, json, os, resource, shutil, subprocess, sys, tempfile, time, wave
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

RECORDING = Path(__file__).parent.parent / "app" / "assets" / "austen.wav"
WINDOW, STEP_SECS = 257_600, 2
LARGE = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
             do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
XLARGE = dict(LARGE, hidden_size=1280, num_hidden_layers=48, intermediate_size=5120)


def whisper(d_model, layers, heads):
    return dict(d_model=d_model, encoder_layers=layers, encoder_attention_heads=heads, encoder_ffn_dim=4 * d_model,
                decoder_layers=1, decoder_attention_heads=heads, decoder_ffn_dim=4 * d_model)


SHAPES = {
    "hubert-base": ("Hubert", {}),
    "hubert-large": ("Hubert", LARGE),
    "hubert-xlarge": ("Hubert", XLARGE),
    "wavlm-base-plus": ("WavLM", {}),
    "wavlm-large": ("WavLM", LARGE),
    "wav2vec2-base": ("Wav2Vec2", {}),
    "data2vec-audio-base": ("Data2VecAudio", {}),
    "whisper-small": ("Whisper", whisper(768, 12, 12)),
    "whisper-large": ("Whisper", whisper(1280, 32, 20)),
}
USUAL = ["hubert-base", "hubert-large", "wavlm-base-plus", "wavlm-large", "whisper-small", "whisper-large"]


def make(name, folder):
    """A checkpoint in Hugging Face's layout, and the model."""
    family, settings = SHAPES[name]
    torch.manual_seed(0)
    config = getattr(transformers, family + "Config")(**settings)
    model = getattr(transformers, family + "Model")(config).eval()
    config.save_pretrained(folder)
    if family == "Whisper":
        model = model.encoder
    prefix = "model.encoder." if family == "Whisper" else ""
    tensors = {prefix + key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    normalise = settings.get("do_stable_layer_norm", False)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalise}))
    return model, family, normalise


def windows():
    with wave.open(str(RECORDING)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    step = STEP_SECS * 16000
    return [samples[end - WINDOW:end] for end in range(WINDOW, len(samples) + 1, step)]


def hugging_face(model, family, normalise):
    """(layers + final, windows, dim) and seconds per window."""
    rows, begun = [], time.perf_counter()
    extractor = transformers.WhisperFeatureExtractor(feature_size=80) if family == "Whisper" else None
    for samples in windows():
        if extractor:
            heard = extractor(samples, sampling_rate=16000, return_tensors="pt").input_features
            frame = 805
        else:
            if normalise:
                samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
            heard, frame = torch.tensor(samples)[None], -1
        with torch.no_grad():
            output = model(heard, output_hidden_states=True)
        states = [*output.hidden_states, output.last_hidden_state]
        rows.append([state[0, frame].numpy() for state in states])
    return np.array(rows).transpose(1, 0, 2), (time.perf_counter() - begun) / len(rows)


def heschl(program, folder, use_featext, prefix, out):
    """The same from Heschl, its seconds in all, and its peak memory."""
    stories = out / "stories"
    stories.mkdir()
    shutil.copy(RECORDING, stories / "story.wav")
    command = [program, "extract", "--stimulus-dir", stories, "--model", folder, "--out", out, "--full-context",
               "--stride", str(STEP_SECS), "--device", "cpu"]
    command += ["--use-featext"] if use_featext else []
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    secs = time.perf_counter() - begun
    found = next(out.glob("features_*")).rglob("story.npz")
    files = {path.parent.name: np.load(path)["features"] for path in found}
    names = sorted((n for n in files if n.startswith(prefix + ".")), key=lambda n: int(n.split(".")[1]))
    final = [array for name, array in files.items() if name not in names]
    return np.array([files[name] for name in names] + final), secs


def compare(program, name, raw, keep):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(keep or scratch) / name
        folder.mkdir(parents=True, exist_ok=True)
        model, family, normalise = make(name, folder)
        n_bytes = (folder / "model.safetensors").stat().st_size
        expected, secs_per_window = hugging_face(model, family, normalise and not raw)
        del model
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        prefix = "encoder" if family == "Whisper" else "layer"
        found, secs = heschl(program, folder, not raw, prefix, Path(scratch))
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if found.shape != expected.shape:
        sys.exit(f"{name}: shapes {found.shape} and {expected.shape}")
    largest = np.abs(found - expected).max((1, 2))
    scale = np.abs(expected).max((1, 2))
    print(f"{name}{' (raw)' if raw else ''}: checkpoint {n_bytes / 1e9:.2f} GB, {len(found)} vectors of {found.shape[2]}, "
          f"{found.shape[1]} windows; largest difference {largest.max():.1e}, of the layer's largest value "
          f"{(largest / scale).max():.1e}")
    print(f"  Hugging Face {secs_per_window:.2f} s a window; Heschl {secs:.1f} s in all"
          + (f", peak memory {memory / 1e6:.2f} GB" if memory > before else ""))
    for layer, (difference, vector) in enumerate(zip(largest, expected)):
        correlation = np.corrcoef(found[layer].ravel(), vector.ravel())[0, 1]
        print(f"    {layer:>2}  {difference:.1e}  deviation {vector.std():.3f}  correlation {correlation:.9f}")
    return (largest / scale).max() <= 1e-4


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--shapes", nargs="+", default=USUAL, choices=SHAPES)
    parser.add_argument("--raw", action="store_true", help="without the model's feature extractor")
    parser.add_argument("--keep", help="folder that the checkpoints stay in")
    arguments = parser.parse_args()
    all_agree = [compare(arguments.program, shape, arguments.raw, arguments.keep) for shape in arguments.shapes]
    sys.exit(0 if all(all_agree) else 1)
