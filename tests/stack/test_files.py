"""Files are written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stack.files import private_folder, write_whole


def test_content_and_mode_are_as_asked(tmp_path: Path) -> None:
    write_whole(tmp_path / "x", "text", mode=0o400)

    assert (tmp_path / "x").read_text() == "text"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o400


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "x", "old", mode=0o600)
    monkeypatch.setattr("stack.files.os.fsync", _full)

    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "x", "new", mode=0o600)

    assert (tmp_path / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_is_there_gets_the_mode_asked_for(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)

    private_folder(tmp_path / "d")

    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")
