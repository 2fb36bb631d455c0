#!/usr/bin/env python3
"""Makes `corners/`: half a second of sounds that are hard on norms, and what Hugging Face's code makes of them.

usage: make_corners.py        (in this folder; needs torch, transformers and numpy)

For each sound and each small waveform model beside this file: every hidden state and the final output at the last frame
of windows of 0.1 s that grow to 0.3 s, raw samples, computed in double precision so that the figures are the truth and
not another rounding. Arrays: `<sound>`, (windows, vectors, features) f32.
"""
import wave
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel

HERE = Path(__file__).parent
MODELS = ["hubert-base-like", "wavlm-base-like", "hubert-large-like", "wavlm-large-like"]
N, CHUNK, WINDOW = 8000, 1600, 4800

random = np.random.default_rng(0)
noise = lambda height: random.standard_normal(N) * height
SOUNDS = {
    "noise": noise(0.1),
    "silence": np.zeros(N),
    "offset": 0.5 + noise(0.001),
    "clipped": np.clip(noise(3), -1, 0.9999),
    "faint": np.round(noise(1)) / 32768,
    "tone": np.sin(np.arange(N) * 0.02) * 0.5,
    "sudden": np.r_[np.zeros(N // 2), noise(0.2)[N // 2:]],
}


def main():
    (HERE / "corners").mkdir(exist_ok=True)
    samples = {}
    for name, sound in SOUNDS.items():
        whole = np.round(sound * 32768).clip(-32768, 32767).astype("<i2")
        samples[name] = whole / 32768
        with wave.open(str(HERE / "corners" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(whole.tobytes())
    for model_name in MODELS:
        model = AutoModel.from_pretrained(HERE / model_name).double().eval()
        arrays = {}
        for name, sound in samples.items():
            rows = []
            for end in range(CHUNK, N + 1, CHUNK):
                window = torch.tensor(sound[max(0, end - WINDOW):end])[None]
                with torch.no_grad():
                    output = model(window, output_hidden_states=True)
                states = [*output.hidden_states, output.last_hidden_state]
                rows.append([state[0, -1].numpy() for state in states])
            arrays[name] = np.array(rows, np.float32)
        np.savez_compressed(HERE / "corners" / f"{model_name}.npz", **arrays)


if __name__ == "__main__":
    main()
