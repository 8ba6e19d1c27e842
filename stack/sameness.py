"""Remembers what a running stack was brought up from, so that an unchanged one is attached to and not begun again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stack.driver import Driver
from stack.files import write_whole
from stack.project import ROOT

_FILE = "up.json"


@dataclass(frozen=True)
class Record:
    """What a bring-up was made from: the marks differ when anything that a service sees differs."""

    services: tuple[str, ...]
    overlays: tuple[str, ...]
    marks: dict[str, str]

    def write(self, state: Path) -> None:
        """Keep the record beside the project's rendered state."""
        write_whole(state / _FILE, json.dumps(asdict(self), indent=2) + "\n", mode=0o644)

    @classmethod
    def read(cls, state: Path) -> Record | None:
        """Answer the record of the last bring-up; None when there is none or another version wrote it."""
        try:
            content = json.loads((state / _FILE).read_text())
            return cls(tuple(content["services"]), tuple(content["overlays"]), dict(content["marks"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def forget(state: Path) -> None:
        """Remove the record; harmless when there is none."""
        (state / _FILE).unlink(missing_ok=True)


def record(driver: Driver, services: Iterable[str]) -> Record:
    """Take the marks of what lies here now: rendered compose, configuration files, images, encrypted secrets."""
    names = tuple(sorted(services))
    rendered = every_profile(driver).rendered()["services"]
    chosen = {name: rendered[name] for name in names if name in rendered}
    marks = {
        "compose": _digest(json.dumps(chosen, sort_keys=True).encode()),
        "config": _digest(*(part for file in _files(ROOT / "stack" / "config") for part in (str(file), file.read_bytes()))),
        "secrets": _digest((ROOT / "stack" / "secrets.enc.yaml").read_bytes()),
        "images": _digest(*(driver.image(image)["Id"] for image in sorted({str(s["image"]) for s in chosen.values()}))),
    }
    return Record(names, tuple(str(file) for file in driver.compose_files[1:]), marks)


def every_profile(driver: Driver) -> Driver:
    """Answer a driver of the same project that sees the idle services too."""
    return replace(driver, profiles=("*",))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
