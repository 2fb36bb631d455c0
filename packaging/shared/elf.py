"""What an ELF file asks of the system it runs on."""

import re
import subprocess
from pathlib import Path


def elf_files(folder: Path) -> list[Path]:
    """Every ELF file below a folder, links left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in files if path.open("rb").read(4) == b"\x7fELF"]


def needed(path: Path) -> list[str]:
    """The libraries that it is linked with."""
    listing = subprocess.run(["objdump", "-p", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"NEEDED\s+(\S+)", listing)


def newest_glibc(path: Path) -> tuple[int, ...]:
    """The newest version of the GNU C library that a symbol of it is taken from."""
    listing = subprocess.run(["objdump", "-T", path], check=True, capture_output=True, text=True).stdout
    versions = re.findall(r"GLIBC_(\d+(?:\.\d+)+)", listing)
    return max((tuple(map(int, version.split("."))) for version in versions), default=(0,))
