"""Reads a notification as whoever is woken by it does: is each text whole, does it say what it is about, does its link lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

if TYPE_CHECKING:
    from stack.clients.receiver import DeliveredAlert

TEXTS = ("summary", "description")
LINK = "runbook_url"
_ABOUT_NOTHING = frozenset({"alertname", "severity"})
_BROKEN = {
    re.compile(r"\{\{|\}\}"): "a template that nobody filled in",
    re.compile(r"<no value>|<nil>"): "a value that was not there",
    re.compile(r"<error expanding template"): "a template that failed",
    re.compile(r"%!"): "a format that does not fit its value",
    re.compile(r"\b[+-]?(NaN|Inf)\b"): "a number that is none",
}
"""What Go's text/template, fmt and Prometheus's template functions leave behind where data and template don't fit."""


def faults_of(alert: DeliveredAlert, root: Path) -> list[str]:
    """What is wrong with a delivered alert's texts: sentences; empty when it can be read and followed.

    A runbook link without a scheme is a page below `root`; links off this machine are not tried.
    """
    found = []
    for name in TEXTS:
        text = alert.annotations.get(name, "")
        if not text.strip():
            found.append(f"its {name} is empty")
        found += [f"its {name} has {what}: {text!r}" for pattern, what in _BROKEN.items() if pattern.search(text)]
    if not any(value in " ".join(alert.annotations.get(name, "") for name in TEXTS) for value in _abouts(alert.labels)):
        found.append("neither text names what it is about")
    if complaint := dead_end(alert.annotations.get(LINK, ""), root):
        found.append(complaint)
    return found


def dead_end(link: str, root: Path) -> str | None:
    """Why a runbook link leads nowhere; None when its page is there, or is not on this machine."""
    if not link.strip():
        return "it has no runbook link"
    if urlparse(link).scheme or (root / link.partition("#")[0]).is_file():
        return None
    return f"its runbook page {link} does not exist"


def _abouts(labels: Mapping[str, str]) -> list[str]:
    return [value for name, value in labels.items() if name not in _ABOUT_NOTHING and value]
