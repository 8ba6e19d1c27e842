"""What is filled is the disk that was looked at, and never what a link in a container's volume leads to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chaos import volume_files
from chaos.faults import disk
from chaos.faults.disk import DiskFull
from stack.errors import CannotTell
from tests.chaos.fake_stack import container

FULL = DiskFull("shop", "/data")
MINE = ".seatrial-disk-full"


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "volume", str(folder)], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "data") as folder:
        yield folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Path]:
    """In place of the host's own disk: a fault that filled this one by mistake would fill no more than 1 MiB."""
    with mounted(tmp_path / "host") as folder:
        yield folder


@pytest.fixture
def shop(fake: Any, volume: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service that has it as its volume, on what passes for a loop device."""
    mount = {"Destination": "/data", "RW": True, "Type": "volume"}
    fake.driver.file.write_text(json.dumps([container("shop") | {"Mounts": [mount]}]))
    monkeypatch.setattr(volume_files, "here", lambda _stack, _container, path: volume.parent / path.lstrip("/"))
    monkeypatch.setattr(disk, "_device", lambda _pid, _path: ("/dev/loop7", volume.stat().st_dev))
    return fake


def test_the_disk_is_full_until_the_file_is_gone(shop: Any, volume: Path) -> None:
    FULL.inject(shop)

    assert FULL.active(shop)
    assert str(FULL.witness(shop, None)).startswith("0 bytes are left of the 1 MiB")  # type: ignore[arg-type]
    assert (volume / MINE).stat().st_mode & 0o777 == 0o600
    FULL.revert(shop)
    assert not FULL.active(shop)
    assert FULL.witness(shop, None) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
def test_a_link_in_the_volume_is_refused_and_what_it_leads_to_stays(
    shop: Any, volume: Path, host: Path, there: bool
) -> None:
    precious = host / "precious"
    if there:
        precious.write_text("of the host")
    (volume / MINE).symlink_to(precious)

    with pytest.raises(CannotTell, match="is a link, and nothing is written over it"):
        FULL.inject(shop)

    assert not FULL.active(shop)
    FULL.revert(shop)
    assert (volume / MINE).is_symlink()
    assert precious.exists() is there
    assert not there or precious.read_text() == "of the host"


def test_a_file_of_that_name_is_not_written_over(shop: Any, volume: Path) -> None:
    (volume / MINE).write_text("somebody's")

    with pytest.raises(CannotTell, match="is there already"):
        FULL.inject(shop)

    assert (volume / MINE).read_text() == "somebody's"


def test_a_folder_that_is_not_what_is_mounted_is_not_filled(
    shop: Any, volume: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_device", lambda _pid, _path: ("/dev/loop7", host.stat().st_dev))

    with pytest.raises(CannotTell, match="does not lead to /dev/loop7"):
        FULL.inject(shop)

    assert not (volume / MINE).exists()


def test_a_file_on_another_disk_is_not_filled(
    shop: Any, volume: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the folder was changed for another between its being looked at and its being written to."""
    opened = os.open

    def elsewhere(path: Any, *words: Any, **options: Any) -> int:
        if options.pop("dir_fd", None) is not None:
            return opened(host / path, *words, **options)
        return opened(path, *words, **options)

    monkeypatch.setattr(os, "open", elsewhere)

    with pytest.raises(CannotTell, match="is not on the disk that is to be filled"):
        FULL.inject(shop)

    assert (host / MINE).stat().st_size == 0


def test_a_disk_that_is_too_large_is_not_filled(shop: Any, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_LARGEST", 512 * 1024)

    with pytest.raises(CannotTell, match="is not filled"):
        FULL.inject(shop)

    assert (volume / MINE).stat().st_size == 0


def test_filling_ends_at_the_largest_disk_there_may_be(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_LARGEST", 256 * 1024)

    with (volume / MINE).open("wb") as stream:
        disk._fill(stream.fileno())

    assert (volume / MINE).stat().st_size == 256 * 1024


def test_what_is_mounted_where_is_read_from_the_kernel(volume: Path) -> None:
    assert disk._device(os.getpid(), str(volume)) == ("volume", volume.stat().st_dev)
    assert disk._device(os.getpid(), "/nowhere/at/all") == ("", 0)
    with pytest.raises(CannotTell, match="can't be read"):
        disk._device(2**22 + 1, "/data")
