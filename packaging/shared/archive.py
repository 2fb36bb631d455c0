"""Archives whose bytes depend on nothing but the files in them: sorted, of one date, owned by root."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """Every file, link and folder below a folder, relative to it and sorted."""
    found = []
    for root, folders, files in os.walk(folder):
        found += [Path(root, name).relative_to(folder) for name in folders + files]
    return sorted(found, key=str)


def mode(path: Path) -> int:
    """0755 for folders and programs, 0644 for other files, whatever the umask was."""
    status = path.lstat()
    return 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644


def tar(folder: Path, epoch: int, prefix: str = "", only=lambda path: True) -> bytes:
    """A tar archive of a folder; `prefix` is put before every name. Folders named by the prefix are included."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        parents = [parent for parent in reversed(Path(prefix).parents) if str(parent) != "."]
        for parent in [*parents, Path(prefix)] if prefix else []:
            archive.addfile(_info(str(parent), tarfile.DIRTYPE, 0o755, epoch))
        for path in filter(only, files_below(folder)):
            _add(archive, folder / path, str(Path(prefix, path)), epoch)
    return buffer.getvalue()


def _info(name: str, kind: bytes, permissions: int, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, permissions, epoch
    info.uname = info.gname = "root"
    return info


def _add(archive: tarfile.TarFile, path: Path, name: str, epoch: int):
    if path.is_symlink():
        info = _info(name, tarfile.SYMTYPE, 0o777, epoch)
        info.linkname = os.readlink(path)
        archive.addfile(info)
    elif path.is_dir():
        archive.addfile(_info(name, tarfile.DIRTYPE, 0o755, epoch))
    else:
        info = _info(name, tarfile.REGTYPE, mode(path), epoch)
        info.size = path.stat().st_size
        with path.open("rb") as file:
            archive.addfile(info, file)


def gz(data: bytes, epoch: int) -> bytes:
    """Data compressed by gzip, with a fixed date and no name."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=epoch, filename="") as file:
        file.write(data)
    return buffer.getvalue()


def zip_of(members: list[tuple[str, bytes, int]], epoch: int, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of (name, data, mode) in the given order."""
    import time

    date = max(time.gmtime(epoch)[:6], (1980, 1, 1, 0, 0, 0))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, permissions in members:
            info = zipfile.ZipInfo(name, date)
            info.compress_type, info.create_system = method, 3
            info.external_attr = (stat.S_IFREG | permissions) << 16
            archive.writestr(info, data, compresslevel=9)
    return buffer.getvalue()
