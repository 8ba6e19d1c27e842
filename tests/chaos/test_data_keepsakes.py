"""What was there can be put back: to the byte, by anybody, from any moment of keeping, changing and restoring."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chaos import keepsakes
from chaos.faults.wal import older
from chaos.keepsakes import Refused, act

TAG = "0123abcd"
FLIP = {"kind": "flip", "offset": 2, "bit": 0, "seed": 0}
CUT = {"kind": "cut", "size": 3}
GONE = {"kind": "remove"}


def told(do: str, *paths: str, tag: str = TAG, **more: Any) -> dict[str, Any]:
    return {"do": do, "tag": tag, "paths": list(paths), **more}


def everything(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each file with its inode, its mode and what is in it."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            state = path.stat()
            found[str(path.relative_to(root))] = (state.st_ino, stat.S_IMODE(state.st_mode), path.read_bytes())
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    for name, data in (("inner/a.db", b"abcdef"), ("inner/a.db-wal", b"log"), ("b", b"")):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o640)
    return tmp_path


@pytest.mark.parametrize("how", [FLIP, CUT, GONE], ids=lambda how: str(how["kind"]))
def test_what_was_changed_is_put_back_with_its_inode_and_its_mode(folder: Path, how: dict[str, Any]) -> None:
    before = everything(folder)

    act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": how}))
    changed = everything(folder)
    act(str(folder), told("restore", "inner/a.db"))
    act(str(folder), told("forget", "inner/a.db"))

    assert changed.get("inner/a.db") != before["inner/a.db"]
    assert everything(folder) == before


def test_a_bit_is_flipped_and_nothing_else(folder: Path) -> None:
    act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": FLIP}))

    assert (folder / "inner/a.db").read_bytes() == b"abbdef"
    assert stat.S_IMODE((folder / "inner/a.db").stat().st_mode) == 0o640


def test_a_drawn_offset_is_the_same_for_the_same_seed(folder: Path) -> None:
    drawn = {"kind": "flip", "offset": -1, "bit": 3, "seed": 7}
    seen = set()
    for _ in range(3):
        act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": drawn}))
        seen.add((folder / "inner/a.db").read_bytes())
        act(str(folder), told("restore", "inner/a.db"))
        act(str(folder), told("forget", "inner/a.db"))

    assert len(seen) == 1
    assert seen != {b"abcdef"}


def test_what_was_not_there_is_gone_again(folder: Path) -> None:
    act(str(folder), told("change", "inner/a.db", "inner/a.db-shm", changes={"inner/a.db": FLIP}))
    (folder / "inner/a.db-shm").write_bytes(b"made meanwhile")

    act(str(folder), told("restore", "inner/a.db", "inner/a.db-shm"))

    assert not (folder / "inner/a.db-shm").exists()


def test_what_is_only_kept_can_be_written_in_place_and_is_put_back(folder: Path) -> None:
    before = everything(folder)
    act(str(folder), told("change", "inner/a.db-wal", "inner/a.db", changes={"inner/a.db-wal": GONE}))
    with (folder / "inner/a.db").open("r+b") as database:
        database.write(b"XX")  # as a database plays a log into its file

    act(str(folder), told("restore", "inner/a.db-wal", "inner/a.db"))
    act(str(folder), told("forget", "inner/a.db-wal", "inner/a.db"))

    assert everything(folder) == before


def test_without_a_change_restoring_and_forgetting_do_nothing(folder: Path) -> None:
    before = everything(folder)

    act(str(folder), told("restore", "inner/a.db", "nothing"))
    act(str(folder), told("forget", "inner/a.db", "nothing"))

    assert everything(folder) == before


class _Died(BaseException):
    """The process ends here, as by SIGKILL: nothing is cleaned up."""


def _dying(calls: list[str], at: int, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(calls) == at:
            raise _Died
        calls.append(name)
        return real(*args, **kwargs)

    return call


EFFECTIVE = ("link", "rename", "unlink", "write", "fsync")
"""The system calls by which a folder changes."""


def _steps(folder: Path, monkeypatch: pytest.MonkeyPatch, request: dict[str, Any], at: int) -> bool:
    """Do it and die before its effective system call number `at`; whether it came that far."""
    calls: list[str] = []
    with monkeypatch.context() as patched:
        for name in EFFECTIVE:
            patched.setattr(os, name, _dying(calls, at, name, getattr(os, name)))
        # What tidies up after an error does not run in a process that was killed.
        patched.setattr(keepsakes.Folder, "_unlink", _no_tidying(calls, at))
        with suppress(_Died):
            act(str(folder), request)
            return False
    return True


def _no_tidying(calls: list[str], at: int) -> Callable[[Any, int, str], None]:
    real = keepsakes.Folder._unlink

    def unlink(self: Any, folder: int, name: str) -> None:
        if len(calls) < at:
            real(self, folder, name)
        else:
            raise _Died

    return unlink


REQUESTS = [
    ("change", lambda: told("change", "inner/a.db", "inner/a.db-shm", changes={"inner/a.db": FLIP})),
    ("restore", lambda: told("restore", "inner/a.db", "inner/a.db-shm")),
    ("forget", lambda: told("forget", "inner/a.db", "inner/a.db-shm")),
]


@pytest.mark.parametrize(("step", "request_of"), REQUESTS, ids=[name for name, _ in REQUESTS])
def test_killed_at_any_moment_it_can_be_put_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, request_of: Callable[[], dict[str, Any]]
) -> None:
    before = everything(folder)
    paths = ("inner/a.db", "inner/a.db-shm")
    at, came_that_far = 0, True

    while came_that_far:
        if step != "change":
            act(str(folder), told("change", *paths, changes={"inner/a.db": FLIP}))
        if step == "forget":
            act(str(folder), told("restore", *paths))
        came_that_far = _steps(folder, monkeypatch, request_of(), at)
        act(str(folder), told("restore", *paths))
        act(str(folder), told("forget", *paths))
        assert everything(folder) == before, f"{step} killed before call {at}"
        at += 1

    assert at > 4, "it died hardly anywhere, so this proves nothing"


def _link(folder: Path) -> str:
    (folder / "link").symlink_to("/etc/passwd")
    return "link"


def _through_a_link(folder: Path) -> str:
    (folder / "out").symlink_to("/etc")
    return "out/passwd"


BAD: list[tuple[str, Callable[[Path], str], str]] = [
    ("a link", _link, "a link"),
    ("a way through a link", _through_a_link, "leads through a link"),
    ("a way upwards", lambda _: "inner/../b", "leads upwards"),
    ("a folder", lambda _: "inner", "a folder"),
    ("an empty file", lambda _: "b", "is empty"),
    ("no file", lambda _: "nowhere", "there is no file nowhere"),
]


@pytest.mark.parametrize(("path_of", "says"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_what_can_not_be_changed_is_refused_and_left_as_it_is(
    folder: Path, path_of: Callable[[Path], str], says: str
) -> None:
    path = path_of(folder)
    before = everything(folder)

    with pytest.raises(Refused, match=says):
        act(str(folder), told("change", path, changes={path: FLIP}))

    with suppress(Refused):
        act(str(folder), told("restore", path))
        act(str(folder), told("forget", path))
    assert everything(folder) == before
    assert Path("/etc/passwd").read_text().startswith("root:")


@pytest.mark.parametrize(
    ("how", "says"),
    [({"kind": "cut", "size": 6}, "would be what it is"), ({**FLIP, "offset": 6}, "none at 6")],
    ids=["a cut that cuts nothing", "a byte beyond the end"],
)
def test_a_change_that_changes_nothing_is_refused(folder: Path, how: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": how}))


def test_two_faults_do_not_keep_the_same_file(folder: Path) -> None:
    act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": FLIP}))

    with pytest.raises(Refused, match="kept by another fault"):
        act(str(folder), told("change", "inner/a.db", tag="ffffffff", changes={"inner/a.db": CUT}))
    act(str(folder), told("restore", "inner/a.db", tag="ffffffff"))

    assert (folder / "inner/a.db").read_bytes() == b"abbdef", "the other one's revert must not undo ours"


def test_a_keepsake_that_somebody_changed_is_not_put_back(folder: Path) -> None:
    act(str(folder), told("change", "inner/a.db", changes={"inner/a.db": FLIP}))
    (kept,) = folder.glob("inner/.a.db.*.kept")
    kept.write_bytes(b"something else")

    with pytest.raises(Refused, match="was kept of inner/a.db has the checksum"):
        act(str(folder), told("restore", "inner/a.db"))


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk with one page left."""
    mounted = tmp_path / "full"
    mounted.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=64k", "seatrial-full", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(size, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        (mounted / "a.db").write_bytes(b"x" * 40_000)
        yield mounted
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_a_full_disk_is_said_and_leaves_everything_as_it_was(full: Path) -> None:
    before = everything(full)

    with pytest.raises(OSError, match="No space left"):
        act(str(full), told("change", "a.db", changes={"a.db": FLIP}))
    act(str(full), told("restore", "a.db"))
    act(str(full), told("forget", "a.db"))

    assert everything(full) == before


def test_a_read_only_disk_is_said(full: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(full)], check=True)

    with pytest.raises(OSError, match="Read-only"):
        act(str(full), told("change", "a.db", changes={"a.db": FLIP}))


def test_it_runs_as_it_stands_in_a_bare_interpreter(folder: Path) -> None:
    program = Path(keepsakes.__file__).read_text()
    request = json.dumps(told("change", "inner/a.db", changes={"inner/a.db": CUT}))
    argv = [sys.executable, "-I", "-S", "-c", program, str(folder)]

    done = subprocess.run(argv, input=request, capture_output=True, text=True, check=True)
    refused = subprocess.run(
        argv, input=request.replace("inner/a.db", "no"), capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == {"answer": None}
    assert "there is no file no" in json.loads(refused.stdout)["refused"]
    assert (folder / "inner/a.db").read_bytes() == b"abc"


SALT = b"saltsalt"
WAL_HEADER = bytes(8) + (512).to_bytes(4, "big") + bytes(4) + SALT + bytes(8)
FRAME = bytes(8) + SALT + bytes(8 + 512)
OLD_FRAME = bytes(24 + 512)
"""Of before the log was last begun anew: SQLite writes over it from the start."""


@pytest.mark.parametrize(
    ("wal", "frames"),
    [
        (WAL_HEADER + FRAME * 5, 2),
        (WAL_HEADER + FRAME * 5 + OLD_FRAME * 9, 2),
        (WAL_HEADER + FRAME * 2 + b"torn", 1),
        (WAL_HEADER + FRAME, None),
        (WAL_HEADER, None),
        (b"", None),
    ],
)
def test_an_older_log_is_the_beginning_of_the_present_one(wal: bytes, frames: int | None) -> None:
    assert older(wal) == (None if frames is None else WAL_HEADER + FRAME * frames)


def test_a_file_that_is_new_belongs_to_whom_the_one_it_is_like_belongs_to(folder: Path) -> None:
    new = {"kind": "write", "content": "eA==", "like": "a.db"}

    act(str(folder), told("change", "inner/a.db-shm", changes={"inner/a.db-shm": new}))

    assert (folder / "inner/a.db-shm").read_bytes() == b"x"
    assert stat.S_IMODE((folder / "inner/a.db-shm").stat().st_mode) == 0o640
