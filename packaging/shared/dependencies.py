"""The crates that are linked into the program, from `cargo metadata`."""

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from shared.project import ROOT

LICENCE_NAMES = re.compile(r"^(un)?(licen[cs]e|copying|notice|ofl|ufl|copyright|authors-licen)", re.IGNORECASE)
NOT_TEXT = {".rs", ".py", ".json", ".toml", ".yml", ".yaml", ".html", ".cmake", ".sh"}
# Below these folders of a crate nothing is compiled into the program.
NOT_BUILT = {"tests", "test", "benches", "examples", "fuzz", ".github", "target"}


@dataclass
class Crate:
    """A crate, its licence as it declares it, and the texts in its folder by path."""

    name: str
    version: str
    licence: str
    repository: str | None
    checksum: str | None
    texts: dict[str, str]


def crates(target: str, workspace: Path = ROOT, program: str = "heschl") -> list[Crate]:
    """All crates that a program is linked with, sorted; neither those of its tests nor those of build scripts."""
    asked = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(asked, cwd=workspace, check=True, capture_output=True, text=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(key for key, package in packages.items() if package["name"] == program)
    linked, todo = set(), [root]
    while todo:
        key = todo.pop()
        if key in linked:
            continue
        linked.add(key)
        for dependency in nodes[key]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]) and not is_macro(packages[dependency["pkg"]]):
                todo.append(dependency["pkg"])
    checksums = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads((workspace / "Cargo.lock").read_text())["package"]
    }
    theirs = [packages[key] for key in linked if packages[key]["source"] is not None]
    found = [
        Crate(
            package["name"],
            package["version"],
            package["license"] or f"see {package['license_file']}",
            package["repository"],
            checksums.get((package["name"], package["version"])),
            texts(Path(package["manifest_path"]).parent),
        )
        for package in theirs
    ]
    return sorted(found, key=lambda crate: (crate.name, crate.version))


def is_macro(package: dict) -> bool:
    """Whether a package only writes code while others are compiled."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def texts(folder: Path) -> dict[str, str]:
    """The licences and notices in a crate's folder."""
    found = {}
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - NOT_BUILT)
        for name in sorted(files):
            path = Path(root, name)
            # Some keep all texts in a folder of that name.
            is_named = LICENCE_NAMES.match(name) or LICENCE_NAMES.match(path.parent.name) and path.parent != folder
            if is_named and path.suffix.lower() not in NOT_TEXT and path.stat().st_size < 1_000_000:
                text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
                found[str(path.relative_to(folder))] = text.strip() + "\n"
    return found
