"""Read alerting rules from their files, with the place of each, for checks that need no running Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stack.errors import CannotTell
from stack.located import Where

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class RuleFile:
    """One file of rules and the unit tests that stand beside it."""

    path: Path
    tests: Path | None

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.path.stem


@dataclass(frozen=True)
class AlertRule:
    """One alerting rule as it is written."""

    name: str
    expression: str
    held: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    where: Where


def folder_of(stack: Stack) -> Path | None:
    """The folder of rule files: the profile's, else `rules` below whatever Prometheus mounts as its configuration."""
    if stack.profile.alerts.rules:
        return stack.path(stack.profile.alerts.rules)
    for service in stack.by_role("metrics"):
        for mount in service.mounts:
            if mount.kind == "bind" and (found := Path(mount.source) / "rules").is_dir():
                return found
    return None


def rule_files(stack: Stack) -> list[RuleFile]:
    """Every rule file; its tests are `../tests/<name>_test.yml`. Empty when the stack keeps none on this host."""
    folder = folder_of(stack)
    if folder is None:
        return []
    found = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    return [RuleFile(path, _tests_of(path)) for path in found]


def alert_rules(file: Path) -> list[AlertRule]:
    """The alerting rules of a file. Raises CannotTell when it doesn't parse: promtool says so better."""
    try:
        lines = file.read_text().splitlines()
        document = yaml.safe_load("\n".join(lines))
        return [
            _rule(rule, file, lines)
            for group in document["groups"]
            for rule in group["rules"]
            if isinstance(rule, dict) and "alert" in rule
        ]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise CannotTell(f"{file} can't be read as a rule file") from error


def _rule(rule: dict[str, Any], file: Path, lines: list[str]) -> AlertRule:
    name = str(rule["alert"])
    line = next(
        (
            n
            for n, text in enumerate(lines, start=1)
            if text.split("#")[0].strip().removeprefix("- ") == f"alert: {name}"
        ),
        1,
    )
    return AlertRule(
        name,
        str(rule.get("expr", "")),
        str(rule.get("for", "0s")),
        rule.get("labels") or {},
        rule.get("annotations") or {},
        Where(file, line),
    )


def _tests_of(rules: Path) -> Path | None:
    tests = rules.parent.parent / "tests" / f"{rules.stem}_test{rules.suffix}"
    return tests if tests.is_file() else None
