"""One runner breaks a project at a time: a second one is refused, and told who is at it."""

from __future__ import annotations

from pathlib import Path

from stack.lock import Lock, Taken


class ProjectTaken(Taken):
    """Another process holds the project's lock."""


class ProjectLock(Lock):
    """The lock of whoever may break the project. Not inherited by children."""

    def __init__(self, path: Path, project: str) -> None:
        """Nothing is taken yet."""
        super().__init__(path, why=f"project {project} is being broken by another runner", refusal=ProjectTaken)
