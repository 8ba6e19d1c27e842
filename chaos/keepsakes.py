"""Changes files under one folder so that what was there can be put back by anybody, whatever was interrupted in between.

Standard library only, and nothing of ours: this text runs in this process where the folder is at hand, and as it stands in a
helper container where it is not (`python3 -c`), told by one JSON object and answering with one.

For a file NAME and a fault's tag there stand beside it, in this order: `.NAME.seatrial-TAG.seal` (checksum, size, owner and
mode of what was there, or that nothing was), `.NAME.seatrial-TAG.kept` (the original itself: a second name of its inode, so
that keeping needs no room and restoring brings back every attribute), and for a moment `.NAME.seatrial-TAG.new`. Each appears
whole or not at all and is on disk before the next step: a seal without a keepsake means that nothing was changed yet.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fnmatch
import hashlib
import json
import os
import random
import stat
import sys
from collections.abc import Iterator
from typing import Any

LARGEST_BYTES = 256 * 1024 * 1024
"""What a changed copy is made of at most: a drill must not fill the disk it is run on."""
_MARK = ".seatrial-"
_ENDS = ("seal", "kept", "new")
_CHUNK = 1024 * 1024


class Refused(Exception):
    """It can't be done to this file; the message is one sentence."""


class Folder:
    """A folder whose files are changed. No link is ever followed, so nothing outside it can be reached."""

    def __init__(self, root: str, tag: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._tag = tag

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._root)

    def look(self, path: str) -> dict[str, Any]:
        """What is there (kind file, absent or other), and what is kept of it: `kept`, and the seal."""
        with self._beside(path) as (folder, name):
            found = _state(folder, name)
            sealed = _seal(folder, self._name(name, "seal"))
            return {**found, "kept": sealed is not None, "sealed": sealed}

    def kept_in(self, path: str) -> list[str]:
        """The names of the files of a folder of which something is kept."""
        end = f"{_MARK}{self._tag}.seal"
        with self._beside(f"{path.rstrip('/')}/x") as (folder, _):
            return sorted(n[1 : -len(end)] for n in os.listdir(folder) if n.startswith(".") and n.endswith(end))

    def matching(self, path: str, pattern: str) -> list[str]:
        """The names of the files in a folder that match a shell pattern and hold something, in order."""
        with self._beside(f"{path.rstrip('/')}/x") as (folder, _):
            names = sorted(n for n in os.listdir(folder) if fnmatch.fnmatchcase(n, pattern) and not n.startswith("."))
            return [n for n in names if os.lstat(n, dir_fd=folder).st_size]

    def read(self, path: str) -> str:
        """What is in it, in base 64. Raises Refused when there is no such file."""
        with self._beside(path) as (folder, name):
            return base64.b64encode(_read(folder, name)).decode()

    def keep(self, path: str) -> None:
        """Keep what is there, or that nothing is. Raises Refused where another fault keeps it already."""
        with self._beside(path) as (folder, name):
            others = [n for n in os.listdir(folder) if n.startswith(f".{name}{_MARK}") and n.endswith(".seal")]
            if foreign := [one for one in others if one != self._name(name, "seal")]:
                raise Refused(f"{path} is kept by another fault already ({foreign[0]})")
            if others:
                return
            found = _state(folder, name)
            if found["kind"] == "other":
                raise Refused(f"{path} is no file of its own ({found['what']}): links and folders are left alone")
            self._write(folder, self._name(name, "seal"), json.dumps(found).encode())
            if found["kind"] == "file":
                os.link(name, self._name(name, "kept"), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                os.fsync(folder)

    def change(self, path: str, how: dict[str, Any]) -> None:
        """Put something else in its place: `flip` a bit, `cut` it short, `write` it anew, a `copy` of it, or `remove` it."""
        with self._beside(path) as (folder, name):
            if how["kind"] == "remove":
                self._unlink(folder, name)
            elif how["kind"] == "write":
                # A file that is new here belongs to whom the one it is like belongs to.
                self._write(folder, name, base64.b64decode(how["content"]), like=how.get("like", name))
            elif how["kind"] != "copy" or _inode(folder, name) is not None:
                self._write(folder, name, _changed(_read(folder, name), how, path), like=name)
            os.fsync(folder)

    def restore(self, path: str) -> None:
        """Put back what was kept; does nothing where nothing is. Raises Refused when the keepsake is not what was sealed."""
        with self._beside(path) as (folder, name):
            sealed = _seal(folder, self._name(name, "seal"))
            if sealed is None:
                return
            kept = self._name(name, "kept")
            if sealed["kind"] == "absent":
                self._unlink(folder, name)
            elif _inode(folder, kept) not in (None, _inode(folder, name)):
                if (checksum := _state(folder, kept)["sha256"]) != sealed["sha256"]:
                    raise Refused(
                        f"what was kept of {path} has the checksum {checksum[:12]} and was {sealed['sha256'][:12]}"
                    )
                self._unlink(folder, self._name(name, "new"))
                os.link(kept, self._name(name, "new"), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                os.rename(self._name(name, "new"), name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def forget(self, path: str) -> None:
        """Remove what was kept and what was half made. The seal goes last: while it stands, restoring can be repeated."""
        with self._beside(path) as (folder, name):
            for end in reversed(_ENDS):
                self._unlink(folder, self._name(self._name(name, end), "new"))
                if end != "seal":
                    self._unlink(folder, self._name(name, end))
            os.fsync(folder)
            self._unlink(folder, self._name(name, "seal"))
            os.fsync(folder)

    def _name(self, name: str, end: str) -> str:
        return f".{name}{_MARK}{self._tag}.{end}"

    def _unlink(self, folder: int, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    @contextlib.contextmanager
    def _beside(self, path: str) -> Iterator[tuple[int, str]]:
        """The file's own folder, reached without following a link, and its name there."""
        *folders, name = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in (*folders, name):
            raise Refused(f"{path} leads upwards")
        held = [os.dup(self._root)]
        try:
            for part in folders:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                held.append(os.open(part, flags, dir_fd=held[-1]))
            yield held[-1], name
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise Refused(f"{path} leads through a link: those are left alone") from error
            raise
        finally:
            for descriptor in reversed(held):
                os.close(descriptor)

    def _write(self, folder: int, name: str, data: bytes, *, like: str | None = None) -> None:
        """Put a file there whole, with the owner, mode and attributes (access lists among them) of the one it is like."""
        new = self._name(name, "new")
        self._unlink(folder, new)
        descriptor = os.open(
            new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            if like is not None:
                _become_like(folder, like, descriptor)
            os.fsync(descriptor)
        except BaseException:
            self._unlink(folder, new)
            raise
        finally:
            os.close(descriptor)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def _state(folder: int, name: str) -> dict[str, Any]:
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return {"kind": "absent"}
    rights = {"uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
    if not stat.S_ISREG(found.st_mode):
        what = (
            "a link"
            if stat.S_ISLNK(found.st_mode)
            else "a folder"
            if stat.S_ISDIR(found.st_mode)
            else "no regular file"
        )
        return {"kind": "other", "what": what, **rights}
    checksum = hashlib.sha256()
    with _opened(folder, name) as stream:
        while chunk := stream.read(_CHUNK):
            checksum.update(chunk)
    return {"kind": "file", "sha256": checksum.hexdigest(), "size": found.st_size, **rights}


def _opened(folder: int, name: str) -> Any:
    return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb")


def _read(folder: int, name: str) -> bytes:
    try:
        size = os.lstat(name, dir_fd=folder).st_size
        if size > LARGEST_BYTES:
            raise Refused(f"{name} has {size} bytes: more than the {LARGEST_BYTES} that are copied for a drill")
        with _opened(folder, name) as stream:
            return bytes(stream.read())
    except FileNotFoundError as error:
        raise Refused(f"there is no file {name}") from error


def _seal(folder: int, name: str) -> dict[str, Any] | None:
    try:
        with _opened(folder, name) as stream:
            return dict(json.loads(stream.read()))
    except FileNotFoundError:
        return None


def _inode(folder: int, name: str) -> int | None:
    try:
        return os.lstat(name, dir_fd=folder).st_ino
    except FileNotFoundError:
        return None


def _changed(data: bytes, how: dict[str, Any], path: str) -> bytes:
    if how["kind"] == "copy":
        return data
    if not data:
        raise Refused(f"{path} is empty: nothing in it can be changed")
    if how["kind"] == "cut":
        if how["size"] >= len(data):
            raise Refused(f"{path} has {len(data)} bytes: cut to {how['size']} it would be what it is")
        return data[: how["size"]]
    offset = random.Random(how["seed"]).randrange(len(data)) if how["offset"] < 0 else how["offset"]
    if offset >= len(data):
        raise Refused(f"{path} has {len(data)} bytes, so none at {offset}")
    flipped = bytearray(data)
    flipped[offset] ^= 1 << how["bit"]
    return bytes(flipped)


def _become_like(folder: int, name: str, descriptor: int) -> None:
    with _opened(folder, name) as stream:
        model = os.fstat(stream.fileno())
        os.fchown(descriptor, model.st_uid, model.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(model.st_mode))
        for attribute in os.listxattr(stream.fileno()):
            os.setxattr(descriptor, attribute, os.getxattr(stream.fileno(), attribute))


def act(root: str, told: dict[str, Any]) -> Any:
    """Do what `told` says under `root`: look, kept_in, matching, read, change (once all is kept), restore, forget.

    Raises Refused, and OSError as it comes.
    """
    folder = Folder(root, told["tag"])
    try:
        match told["do"]:
            case "look":
                return {path: folder.look(path) for path in told["paths"]}
            case "kept_in":
                return folder.kept_in(told["folder"])
            case "matching":
                return folder.matching(told["folder"], told["pattern"])
            case "read":
                return folder.read(told["path"])
            case "change":
                for path in told["paths"]:
                    folder.keep(path)
                for path in told["paths"]:
                    # Also what is only kept gets an inode of its own: who writes it in place would write into the keepsake.
                    folder.change(path, told["changes"].get(path, {"kind": "copy"}))
            case "restore":
                for path in told["paths"]:
                    folder.restore(path)
            case "forget":
                for path in told["paths"]:
                    folder.forget(path)
            case unknown:
                raise ValueError(unknown)
    finally:
        folder.close()
    return None


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps({"answer": act(sys.argv[1], json.load(sys.stdin))}))
    except (Refused, OSError) as problem:
        sys.stdout.write(json.dumps({"refused": str(problem)}))
