"""Programs that only pretend, on a PATH of their own: the thin edge at which set-up meets the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class FakePrograms:
    """A folder of shell scripts that is the whole PATH; each call of one is kept, arguments joined by a blank."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "programs"
        self.folder.mkdir()
        self._calls = folder / "calls"
        for real in ("sh", "cat", "sleep", "touch", "rm"):
            found = next(place for place in ("/bin", "/usr/bin") if os.path.exists(f"{place}/{real}"))
            (self.folder / real).symlink_to(f"{found}/{real}")
        monkeypatch.setenv("PATH", str(self.folder))

    def add(self, name: str, script: str) -> None:
        """Put a program on the PATH that runs the lines of `script`, with its arguments in $*."""
        file = self.folder / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self._calls}\n{script}\n', encoding="utf-8")
        file.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Every call so far, in order."""
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    """An empty PATH to put programs on."""
    return FakePrograms(tmp_path, monkeypatch)
