"""Judges health checks: one that is missing tells nothing, and one that can't fail tells a lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from suites.security.rules.dockerfile import logical_lines

_SUCCEEDS = r"(?:true|:|exit\s+0|/bin/true|/usr/bin/true|echo(?:\s+[^;&|]*)?|sleep\s+\d+)"
_ONLY_SUCCESS = re.compile(rf"^\s*{_SUCCEEDS}\s*;?\s*$")
_FALLS_BACK = re.compile(rf"(?:\|\||;)\s*{_SUCCEEDS}\s*;?\s*$")


def why_it_cannot_fail(test: Sequence[str] | str) -> str | None:
    """Why a health check's command always succeeds; None when it can fail. Takes compose's and Dockerfile's forms."""
    words = ["CMD-SHELL", test] if isinstance(test, str) else [str(word) for word in test]
    if not words or words[0] == "NONE":
        return "the health check is switched off"
    kind, *command = words
    if kind not in ("CMD", "CMD-SHELL"):
        kind, command = "CMD", words
    if not command:
        return "the health check has no command"
    if (
        kind == "CMD"
        and len(command) == 3
        and command[0].rpartition("/")[2] in ("sh", "bash", "ash", "dash")
        and command[1] == "-c"
    ):
        kind, command = "CMD-SHELL", [command[2]]
    script = " ".join(command)
    if kind == "CMD":
        return f"`{script}` always succeeds" if _ONLY_SUCCESS.match(script) else None
    if _ONLY_SUCCESS.match(script):
        return f"`{script.strip()}` always succeeds"
    if _FALLS_BACK.search(script):
        return f"`{script.strip()}` ends in success whatever the probe says"
    return None


def declared_problem(healthcheck: Mapping[str, Any] | None) -> str | None:
    """What is wrong with the health check a compose file gives; None also when it gives none (the image may)."""
    if healthcheck is None:
        return None
    if healthcheck.get("disable"):
        return "the health check is switched off (disable: true)"
    if "test" not in healthcheck:
        return None
    return why_it_cannot_fail(healthcheck["test"])


def gives_test(healthcheck: Mapping[str, Any] | None) -> bool:
    """Whether a compose file gives the command itself, and not only its timing."""
    return healthcheck is not None and ("test" in healthcheck or bool(healthcheck.get("disable")))


def dockerfile_healthcheck(text: str) -> str | None:
    """The command of the last stage's HEALTHCHECK; None when it has none."""
    found = None
    for line in logical_lines(text):
        word, _, rest = line.partition(" ")
        if word.upper() == "FROM":
            found = None
        elif word.upper() == "HEALTHCHECK":
            found = re.sub(r"^(?:--\S+\s+)*", "", rest.strip())
    return found


def why_dockerfile_check_cannot_fail(command: str) -> str | None:
    """Why a Dockerfile's HEALTHCHECK always succeeds; None when it can fail."""
    if command.upper() == "NONE":
        return "the health check is switched off"
    script = re.sub(r"^CMD\s+", "", command)
    if script.startswith("["):
        return why_it_cannot_fail(["CMD", *re.findall(r'"((?:[^"\\]|\\.)*)"', script)])
    return why_it_cannot_fail(script)
