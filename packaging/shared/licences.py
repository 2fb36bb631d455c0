"""The licences of everything in a package, and a check that no file is without."""

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from shared.archive import files_below
from shared.dependencies import Crate
from shared.project import PACKAGING, ROOT

STANDARD = PACKAGING / "licences"


def write(folder: Path, crates: list[Crate]):
    """Writes all texts into a folder: one file of the crates, and one of each other work."""
    folder.mkdir(parents=True, exist_ok=True)
    for work in works():
        for source in work.get("texts", []):
            text = (ROOT / source).read_bytes()
            (folder / f"{work['name']}.{Path(source).name}".replace(" ", "-")).write_bytes(text)
    (folder / "crates.txt").write_text(of_crates(crates))
    sysroot = Path(subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip())
    # What the toolchain says of its own library, and of what that is made of.
    shutil.copyfile(sysroot / "share/doc/rust/COPYRIGHT-library.html", folder / "Rust.COPYRIGHT-library.html")


def works() -> list[dict]:
    """What else is in the packages, as packaging/licences.toml lists it."""
    return tomllib.loads((PACKAGING / "licences.toml").read_text())["work"]


def of_crates(crates: list[Crate]) -> str:
    """A list of the crates with their licences, then each different text once, with the crates that have it."""
    lines = [
        "Crates that are linked into Heschl, unchanged, with the licences that their authors declare.",
        "The sources of each, also of those under the Mozilla Public License, are on crates.io under its name and version.",
        "",
    ]
    users: dict[str, list[str]] = {}
    for crate in crates:
        lines.append(f"{crate.name} {crate.version}: {crate.licence}")
        for text in [*crate.texts.values(), *standard_texts(crate)]:
            users.setdefault(text, []).append(f"{crate.name} {crate.version}")
    by_number = {text: number for number, text in enumerate(users, start=1)}
    for text, names in users.items():
        lines += ["", "=" * 100, f"Text {by_number[text]}, of {', '.join(sorted(set(names)))}", "=" * 100, "", text.rstrip()]
    return "\n".join(lines) + "\n"


def standard_texts(crate: Crate) -> list[str]:
    """The standard texts of a crate that has none beside its manifest: those of one choice where its authors leave one."""
    if any("/" not in path for path in crate.texts):
        return []
    names = re.split(r"\s+AND\s+|\s*/\s*", crate.licence.replace("(", "").replace(")", ""))
    chosen = []
    for name in names:
        choices = [choice for choice in re.split(r"\s+OR\s+", name) if standard(choice).is_file()]
        if not choices and crate.texts:
            # In a subfolder, beside what it is for.
            continue
        if not choices:
            sys.exit(f"There is no text of the licence of {crate.name} {crate.version}: {crate.licence}")
        chosen.append(standard(choices[0]).read_text())
    return chosen


def standard(name: str) -> Path:
    """Where the text of a licence lies, by its name in SPDX."""
    return STANDARD / f"{name.replace(' ', '-')}.txt"


def check(tree: Path):
    """Ends the script if a file of a tree is covered by no entry of packaging/licences.toml, or an entry lacks its text."""
    patterns = {pattern: work["name"] for work in works() for pattern in work.get("files", [])}
    files = [path for path in files_below(tree) if not (tree / path).is_dir() or (tree / path).is_symlink()]
    bare = [str(path) for path in files if not any(fnmatch(str(path), pattern) for pattern in patterns)]
    unused = [pattern for pattern in patterns if not any(fnmatch(str(path), pattern) for path in files)]
    if bare:
        sys.exit("No licence is listed in packaging/licences.toml for: " + ", ".join(bare))
    if unused:
        sys.exit("packaging/licences.toml lists files that are not there: " + ", ".join(unused))
    for work in works():
        if not work.get("texts") and not work.get("text_in"):
            sys.exit(f"packaging/licences.toml has no text for {work['name']}.")
        for inside in work.get("text_in", []):
            if not any(fnmatch(str(path), inside) for path in files):
                sys.exit(f"The text of {work['name']} is not in the package: {inside}")
