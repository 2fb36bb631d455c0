"""ONNX Runtime's CPU library, from the Python package whose checksum Heschl itself knows."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.project import OUT, ROOT, RUNTIME_VERSION

LICENCES = {"onnxruntime/LICENSE": "LICENSE", "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt"}
# The wheel's platform and the library in it, per target.
WHEELS = {
    "x86_64-unknown-linux-gnu": ("manylinux_2_28_x86_64", f"libonnxruntime.so.{RUNTIME_VERSION}"),
    "aarch64-unknown-linux-gnu": ("manylinux_2_28_aarch64", f"libonnxruntime.so.{RUNTIME_VERSION}"),
    "x86_64-pc-windows-msvc": ("win_amd64", "onnxruntime.dll"),
    "aarch64-apple-darwin": ("macosx_14_0_arm64", f"libonnxruntime.{RUNTIME_VERSION}.dylib"),
}


def known_sha256(platform: str) -> str:
    """The checksum that models/src/runtime/fetching.rs has for a wheel."""
    source = (ROOT / "models/src/runtime/fetching.rs").read_text()
    return re.search(rf'"{platform}",\s*[\d_]+,\s*"([0-9a-f]{{64}})"', source).group(1)


def wheel(target: str) -> Path:
    """The wheel, downloaded once and checked."""
    platform, _ = WHEELS[target]
    kept = OUT / "downloads" / f"onnxruntime-{RUNTIME_VERSION}-{platform}.whl"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            pip += ["--only-binary=:all:", "--python-version=3.12", f"--platform={platform}"]
            subprocess.run([*pip, f"onnxruntime=={RUNTIME_VERSION}"], check=True)
            next(Path(folder).glob("*.whl")).rename(kept)
    if hashlib.sha256(kept.read_bytes()).hexdigest() != known_sha256(platform):
        sys.exit(f"{kept} is not the archive that Heschl knows. Remove it.")
    return kept


def write(target: str, library_folder: Path, licence_folder: Path):
    """Extracts the library and its licences."""
    _, library = WHEELS[target]
    archive = zipfile.ZipFile(wheel(target))
    for folder in (library_folder, licence_folder):
        folder.mkdir(parents=True, exist_ok=True)
    (library_folder / library).write_bytes(archive.read(f"onnxruntime/capi/{library}"))
    for inside, name in LICENCES.items():
        (licence_folder / name).write_bytes(archive.read(inside))
