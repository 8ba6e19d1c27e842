"""Runs compose-lint's rules, but for those that a check of ours judges more closely: one cause, one finding."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell
from stack.located import Where
from suites.security.rules.overlaps import LINT_BY_DECLARED

# About a root file system that can be written to.
WRITES = frozenset({"CL-0007"})


@dataclass(frozen=True)
class Rule:
    """One rule of compose-lint."""

    id: str
    name: str
    description: str
    severity: str
    references: tuple[str, ...]
    remedy: str


@dataclass(frozen=True)
class Lint:
    """One finding of compose-lint; `subject` is the exact thing it is about (a port, a path, a key), empty if there is none."""

    rule: str
    service: str
    text: str
    where: Where | None
    subject: str


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the installed compose-lint that no declared check of ours covers, by id."""
    from compose_lint.explain import load_rule_doc
    from compose_lint.rules import get_registered_rules

    found = [rule().metadata for rule in get_registered_rules()]
    return tuple(
        Rule(
            meta.id,
            meta.name,
            meta.description,
            meta.severity.value,
            tuple(meta.references),
            remedy_in(load_rule_doc(meta.id)),
        )
        for meta in sorted(found, key=lambda meta: meta.id)
        if meta.id not in LINT_BY_DECLARED
    )


def remedy_in(document: str) -> str:
    """What the tool's own page about a rule says is wrong and what to do: its first paragraph of text.

    `compose-lint --explain` prints that page, but the program is in our environment and not on anybody's PATH.
    """
    paragraphs = (" ".join(part.split()) for part in document.split("\n\n"))
    return next((part for part in paragraphs if part and not part.startswith(("#", "**", "---"))), "")


@functools.cache
def findings(files: tuple[Path, ...]) -> tuple[Lint, ...]:
    """What compose-lint finds in these files, merged as compose merges them.

    Raises:
        CannotTell: it can't read them, or part of them.

    """
    from compose_lint.engine import FindingLimitError, run_rules
    from compose_lint.parser import ComposeError, load_merged

    crashed: list[str] = []
    try:
        merged = load_merged([str(file) for file in files])
    except (ComposeError, FileNotFoundError) as error:
        raise CannotTell(f"compose-lint can't read {', '.join(map(str, files))}: {error}") from error
    try:
        found = run_rules(
            merged.data,
            merged.lines,
            on_error=lambda rule, service, error: crashed.append(f"{rule} on {service}: {error}"),
            env_values=merged.env_values,
        )
    except FindingLimitError as error:
        raise CannotTell(f"compose-lint stopped: {error}") from error
    if crashed:
        raise CannotTell(f"compose-lint failed in {'; '.join(crashed)}")
    if merged.gaps:
        raise CannotTell(f"compose-lint did not see everything: {'; '.join(merged.gaps)}")
    return tuple(_converted(found, files))


def _converted(found: Sequence[object], files: tuple[Path, ...]) -> Iterator[Lint]:
    for finding in found:
        rule, service, message, line, subject = (
            getattr(finding, name) for name in ("rule_id", "service", "message", "line", "evidence")
        )
        source = getattr(line, "source", None) or files[0]
        where = None if line is None else Where(Path(source), int(line))
        yield Lint(str(rule), str(service), str(message), where, str(subject or ""))
