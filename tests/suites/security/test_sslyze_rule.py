"""Why: a hole that another tool found must become our finding, and an answer it did not give must never become a pass."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stack.errors import CannotTell
from suites.security.rules import overlaps, sslyze_scan

# The answers of sslyze 6.3.1 to a sound edge; each holds the fields of its `result`.
SOUND: dict[str, dict[str, Any]] = {
    "tls_compression": {"supports_compression": False},
    "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": False},
    "tls_fallback_scsv": {"supports_fallback_scsv": True},
    "heartbleed": {"is_vulnerable_to_heartbleed": False},
    "robot": {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"},
    "session_renegotiation": {
        "supports_secure_renegotiation": True,
        "is_vulnerable_to_client_renegotiation_dos": False,
        "client_renegotiations_success_count": 0,
    },
    "tls_extended_master_secret": {"supports_ems_extension": True},
}
BY_ID = {one.id: one for one in sslyze_scan.SCANS}


def answers(**changed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {id_: {"status": "COMPLETED", "result": {**result, **changed.get(id_, {})}} for id_, result in SOUND.items()}


@pytest.mark.parametrize("scan", BY_ID)
def test_a_sound_edge_has_no_hole(scan: str) -> None:
    assert sslyze_scan.problem_of(BY_ID[scan], answers()) is None


@pytest.mark.parametrize(
    ("scan", "changed", "said"),
    [
        ("heartbleed", {"is_vulnerable_to_heartbleed": True}, "CVE-2014-0160"),
        ("openssl_ccs_injection", {"is_vulnerable_to_ccs_injection": True}, "CVE-2014-0224"),
        ("robot", {"robot_result": "VULNERABLE_STRONG_ORACLE"}, "VULNERABLE_STRONG_ORACLE"),
        ("session_renegotiation", {"supports_secure_renegotiation": False}, "insecure"),
        ("session_renegotiation", {"is_vulnerable_to_client_renegotiation_dos": True}, "at will"),
        ("tls_compression", {"supports_compression": True}, "CVE-2012-4929"),
        ("tls_extended_master_secret", {"supports_ems_extension": False}, "RFC 7627"),
        ("tls_fallback_scsv", {"supports_fallback_scsv": False}, "RFC 7507"),
    ],
)
def test_a_hole_is_said(scan: str, changed: dict[str, Any], said: str) -> None:
    assert said in (sslyze_scan.problem_of(BY_ID[scan], answers(**{scan: changed})) or "")


@pytest.mark.parametrize("scan", BY_ID)
@pytest.mark.parametrize(
    "answer",
    [None, {"status": "ERROR", "error_reason": "BUG_IN_SSLYZE", "result": None}, {"status": "COMPLETED", "result": {}}],
)
def test_an_answer_that_was_not_given_is_inconclusive(scan: str, answer: dict[str, Any] | None) -> None:
    with pytest.raises(CannotTell):
        sslyze_scan.problem_of(BY_ID[scan], {} if answer is None else {scan: answer})


def test_no_scan_is_judged_twice_and_every_scan_is_accounted_for() -> None:
    known = [*BY_ID, *overlaps.SSLYZE_BY_OURS, *overlaps.SSLYZE_LEFT_OUT]

    assert len(known) == len(set(known))
    assert set(SOUND) == set(BY_ID)


@pytest.mark.parametrize(
    "body", ["exit 3", 'for word; do case "$word" in --json_out=*) echo nonsense > "${word#*=}";; esac; done']
)
def test_a_tool_that_fails_is_inconclusive(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "sslyze"
    tool.write_text(f"#!/bin/sh\n{body}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    with pytest.raises(CannotTell, match="left no results"):
        sslyze_scan.scan("127.0.0.1", 1, "shop.example")


def test_a_tool_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(CannotTell, match="not installed"):
        sslyze_scan.scan("127.0.0.1", 1, "shop.example")
