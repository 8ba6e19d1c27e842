"""The known holes that sslyze looks for, each scan as a check of its own, where that tool is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from suites.check import Area, Check, Evidence, Impact, Level, Severity, as_mark, not_applicable, over
from suites.security.edge_client import EdgeClient
from suites.security.rules import sslyze_scan
from suites.security.rules.finding import Finding, judge


def as_check(one: sslyze_scan.Scan) -> Check:
    """The entry of the checklist that stands for one scan of the tool."""
    return Check(
        id=f"SEC-SSLYZE-{one.id}",
        title=f"{one.title}, says sslyze",
        area=Area.SECURITY,
        severity=Severity(one.severity),
        level=Level.OBSERVED,
        impact=Impact.INTRUSIVE,
        rationale=one.why,
        remediation=one.remedy,
        standards=("RFC 9325",),
    )


def every_scan() -> Iterator[Any]:
    """The scans as parameters that carry their own entry."""
    for one in sslyze_scan.SCANS:
        yield pytest.param(one, id=one.id, marks=as_mark(as_check(one)))


@pytest.fixture(scope="module")
def scanned(edge: EdgeClient) -> Mapping[str, Mapping[str, Any]]:
    """What sslyze says of the edge, asked once."""
    if sslyze_scan.program() is None:
        not_applicable("sslyze is not installed: it is an optional tool, and with it on the PATH its scans are checks")
    return sslyze_scan.scan(edge.edge.address, edge.edge.port_of("https"), edge.edge.server_name)


@over("one", every_scan(), reason="there is no scan of sslyze's that no check of ours covers")
def test_scan_finds_no_hole(
    one: sslyze_scan.Scan, edge: EdgeClient, scanned: Mapping[str, Mapping[str, Any]], evidence: Evidence
) -> None:
    problem = sslyze_scan.problem_of(one, scanned)

    evidence.observed(f"sslyze, {one.id}: {scanned[one.id]['result']}")
    judge([Finding(problem)] if problem else [], check=f"SEC-SSLYZE-{one.id}", evidence=evidence)
