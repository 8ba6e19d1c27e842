"""Judges health checks: one that is missing tells nothing, and one that can't fail tells a lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from suites.security.rules.dockerfile import logical_lines

_SUCCEEDS = r"(?:true|:|exit\s+0|/bin/true|/usr/bin/true|echo(?:\s+[^;&|]*)?|sleep\s+\d+)"
_ONLY_SUCCESS = re.compile(rf"^\s*(?:{_SUCCEEDS}|exit)\s*;?\s*$")  # `exit` alone; behind a probe it keeps its status
_FALLS_BACK = re.compile(rf"(?:\|\||;)\s*{_SUCCEEDS}\s*;?\s*$")

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_IN_A_SHELL = re.compile(r"\s*(?:/\S*/)?(?:ba|da|a)?sh\s+-c\s+(.+)", re.DOTALL)
# A pipe has the status of its last program, and these have none of what they read.
_SWALLOWED = re.compile(r"[^|]\|\s*(?:cat|tee|head|tail|wc|sort|tr|cut|logger)\b[^|;&]*$")
_LEFT_BEHIND = re.compile(r"[^&>]&\s*$")
_ONE_CURL = re.compile(r"\s*(?:/\S*/)?curl\s[^|;&]*(?:\|\|\s*(?:exit\s+[1-9]\d*|false)\s*;?\s*)?")
# --fail and its kin, a configuration file that may hold it, or something else than HTTP.
_CURL_CAN_TELL = re.compile(r"\s(?:-[A-Za-z]*[fK][A-Za-z]*|--fail\S*|--config)(?=\s|$)|\b(?!https?:)[a-z]+://")


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
        if _ONLY_SUCCESS.match(script):
            return f"`{script}` always succeeds"
        return _content_with_any_answer(script)
    while (inner := _IN_A_SHELL.fullmatch(script)) and _is_one_word(inner[1]):
        script = inner[1].strip().strip("'\"")
    if _ONLY_SUCCESS.match(script):
        return f"`{script.strip()}` always succeeds"
    if _FALLS_BACK.search(script):
        return f"`{script.strip()}` ends in success whatever the probe says"
    bare = _QUOTED.sub("''", script)
    if _LEFT_BEHIND.search(bare):
        return "the probe is left to itself (&), and nobody asks what came of it"
    if "&&" not in bare and "pipefail" not in bare and _SWALLOWED.search(bare):
        return "the probe is piped into a program that always succeeds"
    return _content_with_any_answer(script)


def _is_one_word(text: str) -> bool:
    """Whether a shell takes a text for one word, so that it is the whole script behind a -c."""
    return bool(_QUOTED.fullmatch(text.strip())) or len(text.split()) == 1


def _content_with_any_answer(script: str) -> str | None:
    """Why a lone curl finds every server healthy that says anything at all; None for anything else."""
    plain = _QUOTED.sub(lambda text: re.sub(r"[&|;]", "", text[0]), script)
    if _ONE_CURL.fullmatch(plain) and not _CURL_CAN_TELL.search(script):
        return "curl without --fail succeeds whatever the server answers, a 500 included"
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
