"""Ask amtool, in the running Alertmanager's own container, where it would send an alert: its answer is the loaded routing's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack


def receivers_for(stack: Stack, labels: Mapping[str, str]) -> list[str]:
    """The receivers that an alert with these labels is sent to. Raises CannotTell when amtool can't be asked."""
    endpoint = stack.profile.alertmanager
    if endpoint is None:
        raise CannotTell("the profile names no Alertmanager: `[alertmanager] service = …, port = …` would")
    argv = ["amtool", f"--alertmanager.url=http://127.0.0.1:{endpoint.port}", "config", "routes", "test"]
    done = stack.container(endpoint.service).exec([*argv, *(f"{name}={value}" for name, value in labels.items())])
    if not done.ok:
        raise CannotTell(f"amtool can't tell where an alert goes: {done.last_words()}")
    return sorted(name for name in done.stdout.strip().split(",") if name)
