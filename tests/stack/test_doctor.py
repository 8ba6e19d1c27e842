"""The doctor names each lack with what it costs, and only what stops everything changes its exit code."""

from __future__ import annotations

import pytest

from stack import doctor
from stack.doctor import Finding, State, report
from stack.engine import Engine

HERE = Finding("gpg", State.HAVE, "here")
COSTS = Finding("iptables", State.COSTS, "not here", "Debian package iptables", "firewall rules can't be judged")
STOPS = Finding("docker engine", State.STOPS, "none answers", "25 or newer", "run as root")


@pytest.mark.parametrize(("findings", "code"), [([HERE], 0), ([HERE, COSTS], 0), ([HERE, COSTS, STOPS], 1)])
def test_only_what_stops_everything_is_a_failure(
    findings: list[Finding], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(findings) == code


def test_a_lack_is_told_with_need_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    report([HERE, COSTS])

    assert "! iptables  not here (needed: Debian package iptables): firewall rules can't be judged" in capsys.readouterr().out


@pytest.mark.parametrize(("uid", "state"), [(0, State.COSTS), (1000, State.STOPS)])
def test_no_engine_stops_only_who_may_not_install_one(monkeypatch: pytest.MonkeyPatch, uid: int, state: State) -> None:
    monkeypatch.setattr(doctor.os, "geteuid", lambda: uid)

    assert [finding.state for finding in doctor._engine(None)] == [state]


def test_an_old_engine_and_a_missing_plugin_stop_everything() -> None:
    old = Engine("20.10.24", None, "0.13.1", "unix:///x", "/var/lib/docker", installed_by_us=False)

    states = {finding.name: finding.state for finding in doctor._engine(old)}

    assert states == {"docker engine": State.STOPS, "docker compose": State.STOPS, "docker buildx": State.HAVE}


def test_a_remote_engine_costs_what_is_read_from_the_host() -> None:
    far = Engine("26.1.5", "2.26.1", "0.13.1", "tcp://10.0.0.1:2376", "/var/lib/docker", installed_by_us=False)

    assert [finding.name for finding in doctor._engine(far) if finding.state is State.COSTS] == ["local engine"]
