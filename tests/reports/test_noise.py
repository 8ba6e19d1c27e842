"""Why: five runs that look alike must be told alike, and one answer that comes and goes must not drown in hundreds that stay."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from reports import noise
from reports.document import Planned, Run
from reports.outcome import Outcome
from reports.waivers import Waiver
from stack.errors import UserError
from tests.reports.sample import TODAY, entry, result, run_of


def a_run(outcome: Outcome = Outcome.PASS, **more: object) -> Run:
    found = result("SEC-CMP-006", outcome, "app", reason="app: /etc is mounted")
    return run_of(
        [entry("SEC-CMP-006"), entry("SEC-CMP-001")], [found, result("SEC-CMP-001", Outcome.PASS, "app")], **more
    )


def test_runs_that_pass_alike_are_silent() -> None:
    found = noise.between([a_run()] * 5, TODAY)

    assert found.is_silent
    assert noise.told(found) == "5 runs: nothing raised, no difference"


def test_one_answer_that_differs_is_named_with_what_it_was_in_each_run() -> None:
    found = noise.between([a_run(), a_run(Outcome.FAIL), a_run()], TODAY)

    assert found.unsteady == ("SEC-CMP-006[app]: PASS, FAIL, PASS",)
    assert found.raised == ("SEC-CMP-006 in run 2: FAIL: app: /etc is mounted",)


def test_what_is_raised_in_every_run_is_noise_too() -> None:
    found = noise.between([a_run(Outcome.INCONCLUSIVE)] * 2, TODAY)

    assert found.unsteady == ()
    assert not found.is_silent


def test_what_is_waived_raises_nothing() -> None:
    waived = {"waivers": [Waiver("SEC-CMP-006", "known", "ops", date(2027, 1, 31)).to_json()]}

    assert noise.between([a_run(Outcome.FAIL, manifest=waived)] * 2, TODAY).is_silent


def test_an_answer_that_a_run_lost_is_not_the_same() -> None:
    whole = a_run()
    planned = tuple(Planned(one.id, one.subject) for one in whole.results)
    lost = run_of(whole.checks, whole.results[1:], planned=planned)

    assert noise.between([whole, lost], TODAY).unsteady == ("SEC-CMP-006[app]: PASS, INCONCLUSIVE",)


def test_runs_are_made_and_read_back(tmp_path: Path) -> None:
    said: list[str] = []
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {app: {image: 'x:1'}}\n")
    arguments = ["suites/security/test_compose_images.py", "-m", "static", "--compose-file", str(compose)]

    runs = noise.collect(2, [*arguments, "-p", "no:cacheprovider"], tmp_path, said.append, os.environ)

    assert len(runs) == 2
    assert noise.between(runs, TODAY).unsteady == ()
    assert said[0].startswith("run 1 of 2: exit code 1")


def test_a_run_that_leaves_nothing_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run 1 left no results"):
        noise.collect(1, ["--no-such-option"], tmp_path, print, os.environ)
