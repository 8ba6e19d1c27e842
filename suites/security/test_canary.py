"""Secrets where nobody should find them: hunted through everything that is written, shown or kept, beside a canary that must be found."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security import places
from suites.security.canaries import CANARY, FORMS, overlooked
from suites.security.edge_client import EdgeClient
from suites.security.rules.canary import Hunter
from suites.security.rules.finding import Finding, judge


@check(
    "SEC-SEC-005",
    title="No secret's value, in any encoding, is in logs, metrics, inspect, environ, layers, answers, backup names or our reports",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="A secret is as safe as the least guarded place that it was written to.",
    remediation="Pass secrets as files; keep query strings, headers and bodies out of logs; rotate what was found.",
    standards=("OWASP-ASVS 7.1.1", "OWASP-ASVS 8.3", "CWE-532"),
)
def test_no_secret_has_leaked(
    running: Stack, edge: EdgeClient, request: pytest.FixtureRequest, tmp_path: Path, evidence: Evidence
) -> None:
    known = values(running)
    canary = secrets.token_hex(16)
    hunter = Hunter({**known, CANARY: canary})
    blind = overlooked(running, hunter, canary, tmp_path)
    if blind:
        raise CannotTell(f"the hunter overlooks a canary in {', '.join(blind)}, so what it does not find shows nothing")

    looked, found = 0, []
    for where, data in everywhere(running, edge, Path(request.config.getoption("reports"))):
        looked += 1
        found += [(name, form, where) for name, form in hunter.found_in(data) if name != CANARY]
    evidence.observed(
        f"{len(known)} secrets in {len(FORMS)} encodings, in {looked} places; a canary was found in every kind. Read of a log: "
        f"the last {places.LINES} lines; of a file or an answer: the first {places.LARGEST_BYTES >> 20} MiB"
    )
    judge(
        [Finding(f"{name} ({form}) is in {where}", what=where) for name, form, where in found],
        check="SEC-SEC-005",
        evidence=evidence,
        profile=running.profile,
    )


def values(stack: Stack) -> dict[str, str]:
    """The secrets to look for, by name: the profile's, and the age key that opens them."""
    names = stack.profile.secrets.names
    if not names:
        not_applicable(stack.profile.missing("[secrets] names = [...]"))
    found = {name: stack.secret(name) for name in names}
    key = stack.path(stack.profile.secrets.age_key)
    lines = key.read_text().splitlines() if key is not None and key.exists() else []
    keys = [line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-")]
    return found | {f"age key {number}": value for number, value in enumerate(keys, start=1)}


def everywhere(stack: Stack, edge: EdgeClient, reports: Path) -> Iterator[places.Place]:
    """Every place of the stack, and the reports of this run as far as they are written."""
    there = stack.containers(all=True)  # a migration that has ended wrote its log all the same
    with ThreadPoolExecutor(max_workers=4) as pool:
        for of_one in pool.map(lambda container: list(places.of_container(container)), there):
            yield from of_one
    for service in stack.services:
        if service.name in {container.service for container in there}:
            yield from places.of_image(stack, service)
        if service.name in {container.service for container in there if container.is_running}:
            yield from places.of_metrics(stack, service)
    yield from places.of_settings(stack)
    yield from places.of_edge(stack, edge)
    yield from places.of_backups(stack)
    runs = sorted(path for path in reports.glob("*") if path.is_dir() and not path.is_symlink())
    for run in runs[-1:]:
        yield from places.of_folder(run, "our report")
