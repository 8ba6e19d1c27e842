"""Why: limits are written in two syntaxes, and "unlimited" in several; each must be read as the engine does."""

from __future__ import annotations

from typing import Any

import pytest

from suites.security.rules import bounds

ALL = {"mem_limit": "67108864", "cpus": 0.5, "pids_limit": 32}


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure", "on-failure:5", "any"])
def test_these_policies_restart(policy: str) -> None:
    assert bounds.restarts(policy)


@pytest.mark.parametrize("policy", [None, "", "no", "none"])
def test_these_do_not(policy: str | None) -> None:
    assert not bounds.restarts(policy)


@pytest.mark.parametrize(
    "logging",
    [
        {"driver": "local"},
        {"driver": "journald"},
        {"driver": "json-file", "options": {"max-size": "10m"}},
        {"options": {"max-size": "1m"}},
    ],
)
def test_these_logs_are_bounded(logging: dict[str, Any]) -> None:
    assert bounds.log_problem(logging) is None


@pytest.mark.parametrize(
    "logging", [None, {}, {"driver": "json-file"}, {"driver": "none"}, {"options": {"max-file": "3"}}]
)
def test_these_are_not(logging: dict[str, Any] | None) -> None:
    assert bounds.log_problem(logging)


@pytest.mark.parametrize(
    "config",
    [
        ALL,
        {"deploy": {"resources": {"limits": {"memory": "64M", "cpus": "0.5", "pids": 32}}}},
        {**ALL, "cpus": None, "cpu_quota": 50000},
    ],
)
def test_both_syntaxes_of_limits_count(config: dict[str, Any]) -> None:
    assert bounds.missing_limits(config) == []


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({}, 3),
        ({**ALL, "pids_limit": -1}, 1),
        ({**ALL, "mem_limit": 0}, 1),
        ({**ALL, "cpus": "0"}, 1),
        ({"mem_limit": "1g"}, 2),
    ],
)
def test_missing_and_unlimited_are_named(config: dict[str, Any], missing: int) -> None:
    assert len(bounds.missing_limits(config)) == missing
