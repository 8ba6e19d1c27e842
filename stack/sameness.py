"""Remembers what a running stack was brought up from, so that an unchanged one is attached to and not begun again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stack.driver import Driver
from stack.files import write_whole
from stack.project import ROOT

_FILE = "up.json"
#: Written while the stack runs, by a deployment: a change of colour is no reason to begin again.
_CHANGES_AT_RUN_TIME = "edge"


@dataclass(frozen=True)
class Record:
    """What a bring-up was made from: service → mark, which differs when anything that the service sees differs."""

    marks: dict[str, str]
    overlays: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # their images could not be had

    def write(self, state: Path) -> None:
        """Keep the record beside the project's rendered state."""
        write_whole(state / _FILE, json.dumps(asdict(self), indent=2) + "\n", mode=0o644)

    @classmethod
    def read(cls, state: Path) -> Record | None:
        """Answer the record of the last bring-up; None when there is none or another version wrote it."""
        try:
            content = json.loads((state / _FILE).read_text())
            return cls(dict(content["marks"]), tuple(content["overlays"]), tuple(content["left_out"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def forget(state: Path) -> None:
        """Remove the record; harmless when there is none."""
        (state / _FILE).unlink(missing_ok=True)


def marks(driver: Driver, services: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Take the mark of each rendered service as things lie here now: its definition, its image, the files it mounts."""
    ids = {image: driver.image(image)["Id"] for image in {str(service["image"]) for service in services.values()}}
    return {
        name: _digest(
            json.dumps(service, sort_keys=True),
            ids[str(service["image"])],
            *(part for file in _mounted(service) for part in (str(file), file.read_bytes())),
        )
        for name, service in services.items()
    }


def every_profile(driver: Driver) -> Driver:
    """Answer a driver of the same project that sees the idle services too."""
    return replace(driver, profiles=("*",))


def _mounted(service: Mapping[str, Any]) -> list[Path]:
    """List the files of ours that a service mounts; the host's own folders (node-exporter's) are no configuration."""
    sources = [Path(mount["source"]) for mount in service.get("volumes") or () if mount["type"] == "bind"]
    return sorted(
        file
        for source in sources
        if source.is_relative_to(ROOT) and source.name != _CHANGES_AT_RUN_TIME
        for file in _files(source)
    )


def _files(source: Path) -> Iterable[Path]:
    return [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
