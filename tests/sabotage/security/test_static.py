"""Why: a rule over files is worth what it finds. Each seeded defect must be caught by its check, once, and by no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.sabotage.security import static_files
from tests.sabotage.security.ledger import ROOT, caught
from tests.sabotage.security.static_files import HARMLESS, Defect

DEFECTS = static_files.defects()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What one run of the static checks says of all defects together."""
    folder = tmp_path_factory.mktemp("static")
    compose = static_files.write(folder, DEFECTS)
    argv = [sys.executable, "-m", "pytest", "suites/security", "-m", "static", "-q", "-p", "no:cacheprovider"]
    argv += ["--reports", str(folder / "reports"), "--compose-file", str(compose)]
    done = subprocess.run(argv, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=180, check=False)
    found = sorted((folder / "reports").glob("*/results.json"))
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    every: list[dict[str, Any]] = json.loads(found[-1].read_text())["results"]
    return every


@pytest.fixture(scope="module")
def findings(results: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """The number of findings by service and check."""
    named = {defect.name for defect in DEFECTS} | HARMLESS.keys()
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for line in result.get("reason", "").splitlines() if result["outcome"] == "FAIL" else ():
            about = result["subject"] if result["subject"] in named else said_of(line)
            found[about][result["id"]] += 1
    return found


def said_of(line: str) -> str:
    """The service that a finding over the whole stack is about."""
    other = next((defect.name for defect in DEFECTS if defect.says and defect.says in line), None)
    return other or line.partition(":")[0].strip()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_caught_once_by_its_check_and_by_no_other(
    findings: dict[str, Counter[str]], results: list[dict[str, Any]], defect: Defect
) -> None:
    assert dict(findings[defect.name]) == {defect.catches: defect.findings, **dict.fromkeys(defect.also, 1)}
    caught("files", defect.name, sum(r["seconds"] for r in results if r["id"] == defect.catches))


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_reacts_to_what_only_looks_like_a_defect(findings: dict[str, Counter[str]], name: str) -> None:
    assert dict(findings[name]) == {}


def test_nothing_is_found_that_was_not_seeded(findings: dict[str, Counter[str]]) -> None:
    assert findings.keys() - {defect.name for defect in DEFECTS} - HARMLESS.keys() == set()


def test_every_rule_of_the_tools_that_speaks_for_itself_has_a_defect() -> None:
    from suites.security.rules import lint, nginx_lint

    rules = {f"SEC-LINT-{rule.id}" for rule in lint.rules()} | {f"SEC-GIXY-{rule.id}" for rule in nginx_lint.rules()}

    assert rules - {defect.catches for defect in DEFECTS} == set()
