"""What a deployment has written down before each step, so that whoever comes after it knows who must serve if it died there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stack.deployment.release import COLOURS, Release, Serving
from stack.errors import CannotTell
from stack.files import write_whole

SERVING = "serving"
STARTING = "starting"
SWITCHING = "switching"
BAKING = "baking"
DRAINING = "draining"
REPLACING = "replacing"
PHASES = (SERVING, STARTING, SWITCHING, BAKING, DRAINING, REPLACING)
FILE = "deployment.json"


@dataclass(frozen=True)
class Record:
    """One deployment's state. `serve` is who must serve if nobody writes a further line."""

    phase: str
    serve: Serving
    candidate: Serving | None = None
    previous: Release | None = None
    """What served before the last deployment that was completed: where `rollback` leads."""

    @property
    def is_settled(self) -> bool:
        """Whether no deployment is under way, or was when its process died."""
        return self.phase == SERVING


class Book:
    """The record's file: always whole, the old state or the new one (written aside, fsynced, renamed)."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self.path = path

    def read(self) -> Record | None:
        """The state; None when nothing was ever deployed here.

        Raises:
            CannotTell: the file is not one of ours: what it hides must be looked at, and is never guessed.

        """
        try:
            return record_of(json.loads(self.path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            message = (
                f"{self.path} can't be read as a deployment's state; look which colour {self.path.parent}/edge/active.conf "
                "names and serves, then remove the file"
            )
            raise CannotTell(message) from error

    def write(self, record: Record) -> None:
        """Put the state down; on disk when this returns. Errors are the operating system's own."""
        write_whole(self.path, json.dumps(asdict(record), indent=2) + "\n", mode=0o644)


def record_of(document: Any) -> Record:
    """The record that was written. Raises ValueError, KeyError or TypeError for anything else."""
    phase, candidate, previous = document["phase"], document["candidate"], document["previous"]
    if phase not in PHASES:
        raise ValueError(phase)
    return Record(
        phase,
        _serving(document["serve"]),
        _serving(candidate) if candidate else None,
        Release(**previous) if previous else None,
    )


def _serving(document: dict[str, Any]) -> Serving:
    if document["colour"] not in COLOURS:
        raise ValueError(document["colour"])
    return Serving(document["colour"], Release(**document["release"]))
