"""Places, version and date of what is packaged."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
FILES = PACKAGING / "files"
_MANIFEST = tomllib.loads((ROOT / "Cargo.toml").read_text())

VERSION = _MANIFEST["workspace"]["package"]["version"]
SUMMARY = "Encoding models of speech and fMRI"
DESCRIPTION = """\
Heschl extracts the features that speech models such as Whisper, HuBERT and
WavLM compute from a recording, and measures how well they predict fMRI
responses of people who listened to it. It has a window and a command line."""
RUNTIME_VERSION = "1.32.0"
STARTER = "whisper-tiny.en"
TARGET = os.environ.get("HESCHL_TARGET", "x86_64-unknown-linux-gnu")
# The newest version of the GNU C library that the program may need: that of Debian 10 and RHEL 8.
GLIBC = (2, 28)

# Where packages and all that leads to them lie. Nothing outside it is written.
OUT = Path(os.environ.get("HESCHL_PACKAGES", ROOT / "target" / "packages")).resolve()
TREE = OUT / "tree"
PACKAGES = OUT / "made"

# Exit code of a script that cannot do its work on this machine; its last line says why.
NOT_HERE = 77


def epoch() -> int:
    """Seconds since 1970 that every file in a package gets: SOURCE_DATE_EPOCH, or else the time of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def target_folder() -> Path:
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()


def not_here(reason: str):
    """Ends a script that cannot do its work on this machine."""
    print(reason, file=sys.stderr)
    sys.exit(NOT_HERE)


def tool(name: str, package: str) -> str:
    """The path of a program; without it, ends the script and says what to install."""
    found = shutil.which(name)
    if found is None:
        not_here(f"{name} is missing (package {package})")
    return found


def tree() -> Path:
    """The staged tree; ends the script if it is not there."""
    if not (TREE / "lib/heschl").is_dir():
        sys.exit("Run packaging/stage first: there is no staged tree.")
    return TREE


def fresh(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(*command, **options):
    """Runs a program with the date of the sources; ends the script if it fails."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch()), "LC_ALL": "C", "TZ": "UTC"} | options.pop("env", {})
    return subprocess.run([str(part) for part in command], check=True, env=environment, **options)
