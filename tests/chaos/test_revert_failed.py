"""A fault that can't be proved gone, from the fault to the exit code: it stops the further ones, closes the gate, and can't be waived."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from chaos.faults import Paused
from chaos.fingerprint import Fingerprint
from chaos.runner import journal_of
from tests.chaos.fake_stack import FakeStack
from tests.reports.checklists import CONFTEST, ROOT, results_of, run, write
from tests.reports.conftest import checklist  # noqa: F401  the project that pytest is run in

pytest_plugins = "pytester"

STUCK = """
    from datetime import timedelta
    from pathlib import Path
    from chaos.faults import Paused
    from chaos.injection import injected
    from stack.errors import CannotTell
    from tests.chaos.fake_stack import FakeDriver, FakeStack

    def refuse(self, container_id): raise CannotTell("unpausing: the engine refuses")
    FakeDriver.unpause = refuse
    Paused.revert_within = timedelta(seconds=0.3)
    stack = FakeStack(Path(__file__).parent)
"""


def test_it_is_a_failed_check_stops_the_further_faults_and_closes_the_gate(
    checklist: pytest.Pytester,  # noqa: F811
) -> None:
    write(
        checklist,
        STUCK
        + """
    @checked(1, severity=Severity.LOW)
    def test_1():
        with injected(Paused("shop"), stack): pass

    @checked(2, severity=Severity.LOW)
    def test_2():
        with injected(Paused("till"), stack): open("broken", "w")
    """,
    )

    done = run(checklist, "--gate", "staging")

    first, second = results_of(checklist.path)["results"]
    assert (first["outcome"], first["revert_failed"]) == ("INCONCLUSIVE", True)
    assert "REVERT_FAILED: paused(shop) could not be proved gone in " in first["reason"]
    assert "unpausing: the engine refuses" in first["reason"]
    assert (second["outcome"], second.get("revert_failed", False)) == ("INCONCLUSIVE", False)
    assert second["reason"].startswith("no further fault is injected: REVERT_FAILED: paused(shop)")
    assert not (checklist.path / "broken").exists()
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*a fault was not reverted: *REVERT_FAILED: paused(shop)*"])


def test_no_waiver_lifts_it(checklist: pytest.Pytester) -> None:  # noqa: F811
    write(
        checklist,
        STUCK
        + """
    @checked(1, severity=Severity.LOW)
    def test_1():
        with injected(Paused("shop"), stack): pass
    """,
    )
    tomorrow = date.today() + timedelta(days=1)
    waiver = f'[[waiver]]\\nid = "TST-PLUG-001"\\nowner = "me"\\nreason = "it is only a test"\\nexpires = {tomorrow}\\n'
    (checklist.path / "waivers.toml").write_text(waiver.replace("\\n", "\n"))

    done = run(checklist, "--gate", "staging", "--waivers", "waivers.toml")

    assert done.ret == 1
    done.stdout.fnmatch_lines(["*a fault was not reverted: *"])


def test_a_leftover_that_cannot_be_healed_fails_the_session_that_finds_it(
    checklist: pytest.Pytester,  # noqa: F811
) -> None:
    stack = FakeStack(checklist.path)
    number = journal_of(stack).intend(Paused("shop").to_json(), Fingerprint.of(stack).to_json())  # type: ignore[arg-type]
    Paused("shop").inject(stack)  # type: ignore[arg-type]
    journal_of(stack).note(number, "injected")  # type: ignore[arg-type]
    checklist.makeconftest(CONFTEST.replace('"reports.plugin")', '"reports.plugin", "suites.session", "chaos.plugin")'))
    write(
        checklist,
        STUCK
        + """
    @pytest.fixture(scope="session")
    def running(): return stack

    @checked(1, severity=Severity.LOW)
    def test_1(running): open("looked", "w")
    """,
    )

    done = run(checklist, "--gate", "staging", "--rootdir", str(ROOT))

    (found,) = results_of(checklist.path)["results"]
    assert found["revert_failed"] is True
    assert "REVERT_FAILED: paused(shop)" in found["reason"]
    assert not (checklist.path / "looked").exists()
    assert done.ret == 1
