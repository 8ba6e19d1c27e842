"""OPS-DOC-*: our own documents pass, and each way of being incomplete, missing or untrue fails with the offender's name."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Profile
from stack.project import COMPOSE_FILE, ROOT
from suites.check import Evidence
from suites.operations import objectives, test_documents
from suites.operations.objectives import Objective
from suites.operations.pages import read
from suites.operations.test_documents import FEWEST, counts, differing, lacking

PLAYBOOK = ROOT / "docs" / "incident-response.md"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return Profile.load(COMPOSE_FILE.with_name("profile.toml"))


def stack_with(profile: Profile, **documents: Path) -> Stack:
    """A stack that is its documents."""
    named = SimpleNamespace(runbook=None, incident_response=None, objectives=None)
    for name, path in documents.items():
        setattr(named, name, str(path))
    said = SimpleNamespace(documents=named, objectives=profile.objectives, missing=profile.missing)
    return cast(Stack, SimpleNamespace(profile=said, path=lambda text: Path(text) if text else None))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no page"),
        ("# ServiceDown\n\nCall somebody.\n", "has no section “What to do”"),
        ("# ServiceDown\n\n## What to do\n\n1. Call somebody.\n", "has 1 numbered steps under “What to do”"),
        ("# ServiceDown\n\n## What to do\n\n```\n1. a\n2. b\n```\n", "has 0 numbered steps"),
        ("# ServiceDown\n\n## What to do\n\n## Else\n\n1. a\n2. b\n", "has 0 numbered steps"),
    ],
    ids=["missing", "no section", "one step", "steps in a fenced block", "steps elsewhere"],
)
def test_a_runbook_page_that_does_not_say_what_to_do_is_named(text: str | None, said: str, tmp_path: Path) -> None:
    page = tmp_path / "ServiceDown.md"
    if text is not None:
        page.write_text(text)

    assert said in lacking(page)


def test_a_runbook_without_one_page_fails_by_its_name(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in (ROOT / "docs" / "runbook").glob("*.md"):
        (tmp_path / page.name).write_text(page.read_text())
    (tmp_path / "DiskSpaceLow.md").unlink()
    (tmp_path / "EXP-SRV-001.md").unlink()
    monkeypatch.setattr(test_documents, "alerts_of", lambda _: ["DiskSpaceLow", "ServiceDown"])
    monkeypatch.setattr(test_documents, "experiments_of", lambda _: ["EXP-SRV-001"])

    with pytest.raises(AssertionError, match="(?m)^DiskSpaceLow: has no page; EXP-SRV-001: has no page$"):
        test_documents.test_every_alert_and_experiment_has_a_page(stack_with(profile, runbook=tmp_path), Evidence())


def test_a_page_that_cannot_be_read_leaves_the_question_open(tmp_path: Path) -> None:
    page = tmp_path / "ServiceDown.md"
    page.write_bytes(b"# \xff\xfe")

    with pytest.raises(CannotTell, match="can't be read"):
        lacking(page)


@pytest.mark.parametrize("name", sorted(FEWEST))
def test_a_playbook_without_one_section_fails_by_its_name(name: str, profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "playbook.md"
    path.write_text(re.sub(rf"(?m)^## {name}$", f"## Not {name}", PLAYBOOK.read_text()))

    with pytest.raises(AssertionError, match=rf"(?m)^playbook.md: no section “{name}”$"):
        test_documents.test_playbook_is_complete(stack_with(profile, incident_response=path), Evidence())


def test_a_playbook_of_headings_alone_fails_in_every_section(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "playbook.md"
    path.write_text("# Playbook\n" + "".join(f"\n## {name}\n\nTo be written.\n" for name in FEWEST))

    with pytest.raises(AssertionError, match="“Roles” has 0, .*“Severities” has 0, .*“Steps” has 0, .*“Templates” has 0"):
        test_documents.test_playbook_is_complete(stack_with(profile, incident_response=path), Evidence())


def test_empty_blocks_are_no_templates(tmp_path: Path) -> None:
    path = tmp_path / "playbook.md"
    path.write_text("## Templates\n\n```\n```\n\n~~~text\nwords\n~~~\n")
    page = read(path)

    assert page
    assert counts(page) == {"Templates": 1}


def test_a_missing_playbook_fails(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="^playbook.md does not exist"):
        test_documents.test_playbook_is_complete(
            stack_with(profile, incident_response=tmp_path / "playbook.md"), Evidence()
        )


def test_the_published_page_is_current(profile: Profile) -> None:
    assert objectives.OUTPUT.read_text() == objectives.page(profile), "run make docs"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| 200 ms |", "| 250 ms |", "p95_ms is published as 250 ms, and the profile says 200 ms"),
        ("`p99_ms`", "`p98_ms`", "p98_ms is published as 500 ms, and the profile states none; p99_ms .* is not published"),
        ("| 1800 s |", "| 1800 ms |", "rto.database_seconds is published as 1800 ms"),
        ("## Objectives", "## Aims", "p95_ms .* is not published"),
    ],
)
def test_a_page_that_says_something_else_fails(old: str, new: str, said: str, profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "objectives.md"
    path.write_text(objectives.page(profile).replace(old, new))

    with pytest.raises(AssertionError, match=said):
        test_documents.test_published_objectives_are_the_profiles(stack_with(profile, objectives=path), Evidence())


def test_two_numbers_for_one_promise_fail() -> None:
    twice = [Objective("p95_ms", "200 ms"), Objective("p95_ms", "200 ms")]

    assert differing(twice[:1], twice) == ["p95_ms is published more than once"]


@pytest.mark.parametrize(
    "test",
    [
        test_documents.test_every_alert_and_experiment_has_a_page,
        test_documents.test_playbook_is_complete,
        test_documents.test_published_objectives_are_the_profiles,
    ],
)
def test_what_a_profile_does_not_name_is_not_applicable(test: Any, profile: Profile) -> None:
    with pytest.raises(BaseException, match="nothing is promised about this") as raised:
        test(stack_with(profile), Evidence())
    assert type(raised.value).__name__ == "NotApplicable"


def test_our_own_documents_pass(profile: Profile) -> None:
    stack = Stack.load([COMPOSE_FILE], profile=COMPOSE_FILE.with_name("profile.toml"))

    test_documents.test_every_alert_and_experiment_has_a_page(stack, Evidence())
    test_documents.test_playbook_is_complete(stack, Evidence())
    test_documents.test_published_objectives_are_the_profiles(stack, Evidence())
