"""Ask promtool, which knows the rules' language best, in the image of the stack's own Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stack.completed import Completed
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_INSIDE = "/rules-under-check"


def image_of(stack: Stack) -> str:
    """The image that the stack's metrics store runs. Raises CannotTell when it has none."""
    for service in stack.by_role("metrics"):
        if service.image:
            return service.image
    raise CannotTell("no service is the metrics store, so there is no promtool to ask")


def promtool(stack: Stack, folder: Path, *argv: str, files: Sequence[Path]) -> Completed:
    """Run promtool on files below `folder`, which is mounted read-only; the container has no network.

    Raises CannotTell when the image has no promtool or it does not end in time.
    """
    paths = [f"{_INSIDE}/{file.relative_to(folder)}" for file in files]
    done = stack.driver.run_helper(
        ["promtool", *argv, *paths],
        image=image_of(stack),
        network="none",
        user="65534:65534",
        mounts=[f"type=bind,source={folder},target={_INSIDE},readonly"],
        timeout_seconds=60,
    )
    assert isinstance(done, Completed)
    return done


def complaints(done: Completed) -> list[str]:
    """What promtool found wrong: its lines without those that say that all is well, and without the paths inside."""
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines()]
    noise = ("Unit Testing:", "SUCCESS", "Checking ", "FAILED:", "")
    return [line.replace(f"{_INSIDE}/", "") for line in lines if line not in noise and not line.startswith(noise[:3])]
