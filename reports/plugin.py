"""The pytest plugin: turns what pytest reports about a check into a result, writes it down at once, and renders at the
end.

Why this exists: it is the only place where pytest's idea of a run and ours meet. What it costs a test is measured
(tests/benchmarks); a run without a single check leaves it idle.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reports import manifest, rawhtml, terminal
from reports.catalogue import shipped
from reports.document import lines_of_plan, result_to_json
from reports.instances import SPENT, TRACEBACK, plan_of, result_of
from reports.interrupt import held
from reports.judging import judge
from reports.outcome import Judgement, Outcome
from reports.publish import Published, publish
from reports.record import Record, new_folder, point_latest
from reports.text import shortened
from reports.traces import told
from reports.waiving import waivers_of
from stack.errors import UserError
from suites.check import check_of
from suites.collection import declared_stack
from suites.entry import Area
from suites.given import refuse_empty
from suites.phases import PHASES, phase, spend

__all__ = ["phase"]

pytest_plugins = ("reports.listing", "suites.interruption")

_ROOT = Path(__file__).resolve().parent.parent
_JUDGED = pytest.StashKey[Judgement | None]()
_LONGEST_TRACEBACK = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the reports' options."""
    group = parser.getgroup("seatrial reports", "readiness reports and the gate")
    group.addoption(
        "--gate",
        metavar="TIER",
        help="staging or production: judge the whole catalogue, and make the exit code the verdict's: 0 only if this tier is reached",
    )
    group.addoption(
        "--reports", metavar="DIR", default=str(_ROOT / "reports" / "out"), help="where reports are written"
    )
    group.addoption(
        "--waivers", metavar="FILE", type=Path, help="waivers (TOML); by default waivers.toml beside the compose file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start listening. Raises pytest.UsageError for a tier that does not exist, and for a folder without a name."""
    refuse_empty(config, "reports")
    gate = config.getoption("gate")
    if gate not in (None, "staging", "production"):
        raise pytest.UsageError(f"--gate {gate}: there is no such tier, expected staging or production")
    config.pluginmanager.register(Reporter(config), "seatrial-reporter")


class Reporter:
    """Listens to a session; opens a record once there is a check in it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._record: Record | None = None
        self._published: Published | None = None
        self._looked_at_running = False
        self._plan: list[dict[str, Any]] = []
        self._others_failed = 0
        self._refused = ""
        self._apart = 0.0
        self._begun = time.monotonic()
        self._is_worker = hasattr(config, "workerinput")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Make the plan of what was collected."""
        # An entry with mistakes has been refused by now; pytest asks for the end of a collection all the same.
        checks = [(item, entry) for item in session.items if (entry := check_of(item)) and not entry.problems()]
        self._plan = list(plan_of(checks, self._config.rootpath))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Open the record before anything starts; not in a session without checks, nor in one that won't run any."""
        gated = self._config.getoption("gate") is not None
        asked = self._config.getoption("list_checks") or self._config.getoption("explain") is not None
        if (
            asked
            or self._config.option.collectonly
            or self._is_worker
            or session.testsfailed
            or not (self._plan or gated)
        ):
            return
        try:
            self._open(session)
        except UserError as error:
            raise pytest.UsageError(str(error)) from error

    def _open(self, session: pytest.Session) -> None:
        stack = declared_stack(self._config) if self._config.pluginmanager.has_plugin("suites.session") else None
        waivers = [one.to_json() for one in waivers_of(self._config, stack)]
        catalogue, planned = shipped(), {line["id"] for line in self._plan}
        known = manifest.begun(self._config, stack) | {"waivers": waivers}
        folder = new_folder(Path(self._config.getoption("reports")).absolute())
        self._record = Record(folder, known)
        rawhtml.start(session, folder / "raw.html")
        for line in [*self._plan, *lines_of_plan(((one, ("", 0)) for one in catalogue if one.id not in planned), ())]:
            self._record.line(**line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Note once what runs, as soon as something does: the first check that isn't static has the stack up."""
        entry = check_of(item)
        if self._record and not self._looked_at_running and entry and not entry.is_static:
            self._looked_at_running = True
            if self._config.pluginmanager.has_plugin("suites.session"):
                self._note("manifest", **manifest.running(declared_stack(self._config)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge each phase as it ends, and after the last one put the result on the report (which travels between
        processes).
        """
        entry = check_of(item)
        if entry is None:
            return (yield)
        style, self._config.option.tbstyle = self._config.option.tbstyle, "line"  # a long one costs 30 ms, and is replaced below
        try:
            report = yield
        finally:
            self._config.option.tbstyle = style
        error = call.excinfo.value if call.excinfo else None
        said = judge(call.when, error, expected_failure=getattr(report, "wasxfail", None))
        before = item.stash.get(_JUDGED, None)
        total = before.combined(said) if before and said else before or said
        item.stash[_JUDGED] = total
        apart = self._spent_apart()
        item.stash[SPENT] = item.stash.get(SPENT, 0.0) + max(0.0, report.duration - (apart - self._apart))
        self._apart = apart
        if said:
            vars(report)["seatrial_outcome"] = said.outcome.name
        if report.failed and call.excinfo:
            text = shortened(told(call.excinfo, self._config.rootpath), _LONGEST_TRACEBACK)
            report.longrepr = text  # pytest's own shows arguments: values of somebody's stack
            item.stash[TRACEBACK] = f"{item.stash.get(TRACEBACK, '')}{text}\n"
        if call.when == "teardown":
            vars(report)["seatrial_result"] = result_to_json(result_of(item, entry, total))
            vars(report)["seatrial_area"] = entry.area.value
        return report

    def _spent_apart(self) -> float:
        """The seconds of phases that are no area's (bring-up, tear-down): they fall into some test's set-up, and are
        not its own.
        """
        phases: dict[str, float] = self._config.stash.get(PHASES, {})
        return sum(spent for name, spent in phases.items() if name not in _AREAS)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a finished result down."""
        result = getattr(report, "seatrial_result", None)
        if result is not None and self._record:
            self._note("result", **result)
            spend(self._config, report.seatrial_area, result["seconds"])
        elif report.failed and not hasattr(report, "seatrial_outcome"):
            self._others_failed += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Call outcomes by their own names; a FAIL is then told by our summary, not by a traceback."""
        name = getattr(report, "seatrial_outcome", None)
        if name is None:
            return None
        letter, colour = _SHOWN[name]
        category = "passed" if name == "PASS" else Outcome[name].words
        return category, letter, (Outcome[name].words, {colour: True})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over the plan that a worker of pytest-xdist collected (each collects the same)."""
        plan = getattr(node, "workeroutput", {}).get("seatrial_plan")
        if self._record and plan and not self._plan:
            self._plan = plan
            for line in plan:
                self._record.line(**line)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Render what there is, however the session ended, after everything was torn down; under ``--gate`` decide the
        exit code.
        """
        try:
            return (yield)
        except OSError as error:  # pytest-html writes its page here
            if error.errno != errno.ENOSPC:
                raise
            return None  # told below, when our own pages are refused too
        finally:
            if self._is_worker:
                self._config.workeroutput["seatrial_plan"] = self._plan  # type: ignore[attr-defined]  # pytest-xdist's
            elif self._record and not self._refused:
                with held() as interrupted:
                    self._finish(session)
                if interrupted():
                    session.exitstatus = pytest.ExitCode.INTERRUPTED

    def _note(self, kind: str, **data: Any) -> None:
        """Append a line to the record; a disk that takes no more ends the session in one sentence: what can't be written
        down can't be judged.
        """
        assert self._record is not None  # only called when it is open
        try:
            self._record.line(kind, **data)
        except OSError as error:
            self._refused = _refusal(self._record, error)
            pytest.exit(self._refused, returncode=pytest.ExitCode.USAGE_ERROR)

    def _finish(self, session: pytest.Session) -> None:
        assert self._record is not None  # only called when it is open
        stopped = session.exitstatus not in _CAME_TO_ITS_END
        ended = (
            _STOPPED.get(int(session.exitstatus), f"stopped with exit code {int(session.exitstatus)}")
            if stopped
            else ""
        )
        phases: dict[str, float] = self._config.stash.setdefault(PHASES, {})
        spent = ordered(phases) | {"whole session": time.monotonic() - self._begun}
        try:
            self._record.end(ended, spent)
            self._published = publish(self._record.folder)
            point_latest(self._record.folder)
        except OSError as error:
            self._refused = _refusal(self._record, error)
        except UserError as error:
            self._refused = str(error)
        if self._published is None:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
            return
        if stopped or session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not self._config.getoption("gate"):
            return
        good = self._is_good(self._published) and not self._others_failed
        session.exitstatus = pytest.ExitCode.OK if good else pytest.ExitCode.TESTS_FAILED

    def _is_good(self, published: Published) -> bool:
        """Under ``--gate`` the tier is reached; else nothing that ran stands unanswered (a waiver answers)."""
        gate = self._config.getoption("gate")
        return published.reached(gate) if gate else not any(one.ran and one.stands for one in published.card.checks)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what failed, why and what to do, and then the head of the scorecard."""
        if self._published:
            width, colours = terminalreporter._tw.fullwidth, terminalreporter.hasmarkup
            text = terminal.summary(self._published.card, self._published.folder, width=width, colours=colours)
            terminalreporter.write(text + "\n", flush=True)
        elif self._refused:
            terminalreporter.write_line(f"ERROR: {self._refused} What was written stays.", red=True)


def _refusal(record: Record, error: OSError) -> str:
    return f"{record.folder}: the disk takes no more results ({error.strerror})."


_CAME_TO_ITS_END = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
_STOPPED = {
    2: "interrupted",
    3: "an internal error of pytest",
    4: "it could not start (the sentence is at the end of its output)",
}
_AREAS = frozenset(area.value for area in Area)
_SHOWN = {
    "PASS": (".", "green"),
    "FAIL": ("F", "red"),
    "INCONCLUSIVE": ("?", "yellow"),
    "NOT_APPLICABLE": ("-", "cyan"),
}


def ordered(phases: Mapping[str, float]) -> dict[str, float]:
    """The phases of a run in the order in which a person thinks of them: bring-up, areas, tear-down."""
    names = [
        "bring-up",
        *(area.value for area in Area),
        *sorted(phases.keys() - _AREAS - {"bring-up", "tear-down"}),
        "tear-down",
    ]
    return {name: phases[name] for name in names if name in phases}
