"""Why: one line of an anchor is one thing to mend, however many services share it, and an exception for one of them is for that one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.model import Stack
from suites.check import Evidence, NotApplicable
from suites.security import said_once
from suites.security.rules.finding import Finding
from suites.security.test_compose_images import pin_problems

SHARED = (
    "x-app: &app\n  image: example/app:1\nservices:\n  web: *app\n  worker: *app\n  other: {image: 'example/other:1'}\n"
)
EXCEPTION = '[[exceptions]]\ncheck = "SEC-CMP-007"\nservice = "web"\nreason = "a test image of ours"\n'


def stack_of(folder: Path, *, profile: str = "") -> Stack:
    (folder / "compose.yaml").write_text(SHARED)
    (folder / "profile.toml").write_text(profile)
    return Stack.load([folder / "compose.yaml"], profile=folder / "profile.toml")


def found(stack: Stack, service: str) -> list[Finding]:
    return said_once.findings(stack, stack.service(service), pin_problems, check="SEC-CMP-007", evidence=Evidence())


def test_the_first_speaks_for_those_that_share_its_line(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)

    assert [one.text.partition(": ")[0] for one in found(stack, "web")] == ["web, worker"]
    assert [one.text.partition(": ")[0] for one in found(stack, "other")] == ["other"]
    with pytest.raises(NotApplicable, match="which is said at web: they share the line"):
        found(stack, "worker")


def test_what_is_excepted_speaks_for_nobody_else(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, profile=EXCEPTION)

    assert [one.text.partition(": ")[0] for one in found(stack, "worker")] == ["worker"]


def test_many_names_are_counted() -> None:
    assert said_once._listed([f"s{n}" for n in range(8)]) == "s0, s1, s2, s3, s4 and 3 more"
