"""``pytest --list-checks`` and ``--explain ID``: the checklist, read at the desk where it is run.

Why this exists: whoever meets an id in a report wants to know what it means without leaving the terminal.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

import pytest

from reports.catalogue import shipped
from stack.toml_lines import nearest
from suites.check import check_of
from suites.entry import Area, Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the two questions."""
    group = parser.getgroup("seatrial reports")
    group.addoption("--list-checks", action="store_true", help="list the checks that were chosen, and run nothing")
    group.addoption("--explain", metavar="ID", help="say everything about a check, and run nothing")


def pytest_configure(config: pytest.Config) -> None:
    """Ask the experiments too, where nobody said which folder: they are checks, and only to run are they no default."""
    asked = config.getoption("list_checks") or config.getoption("explain") is not None
    experiments = config.rootpath / "chaos"
    if asked and config.args_source is pytest.Config.ArgsSource.TESTPATHS and experiments.is_dir():
        config.args.append(str(experiments))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Answer instead of running."""
    listing, id_ = session.config.getoption("list_checks"), session.config.getoption("explain")
    if not listing and id_ is None:
        return None
    found: dict[str, tuple[Check, str]] = {}
    for item in session.items:
        if entry := check_of(item):
            found.setdefault(entry.id, (entry, item.nodeid.partition("[")[0]))
    if id_ is not None and id_ not in found:
        raise pytest.UsageError(_unknown(id_, found))
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    text = explained(*found[id_], width) if id_ is not None else listed([entry for entry, _ in found.values()])
    terminal = session.config.pluginmanager.getplugin("terminalreporter")
    terminal.ensure_newline()
    terminal.write(text + "\n")
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Say in words what exit code 5 means."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.write_line("Nothing was chosen, so nothing was judged: --list-checks lists what there is.", red=True)


def _unknown(id_: str, collected: Iterable[str]) -> str:
    """Why an id is not explained: it is elsewhere, or misspelt, or nothing like one."""
    folders = {one.id: "chaos" if one.area is Area.CHAOS else f"suites/{one.area.value}" for one in shipped()}
    if id_ in folders:
        return f"{id_} is not among the checks collected: pytest {folders[id_]} --explain {id_}"
    known = {one.upper(): one for one in (*folders, *collected)}
    near = nearest(id_.upper(), known) if id_.upper() not in known else f" (did you mean '{known[id_.upper()]}'?)"
    return f"No check is called {id_}{near}; --list-checks lists them."


def listed(entries: list[Check]) -> str:
    """One line for each check, by id."""
    rows = [
        f"{one.id:<18} {one.severity.value:<9} {one.level.value:<10} {one.impact.value:<12} {one.title}"
        for one in sorted(entries, key=lambda one: one.id)
    ]
    return "\n".join([*rows, f"{len(rows)} checks"])


def explained(one: Check, test: str, width: int) -> str:
    """Everything about a check, how to repeat it and how to waive it, at most ``width`` columns wide."""
    facts = f"{one.severity.value} · {one.area.value} · evidence: {one.level.value} · impact: {one.impact.value}"
    parts = [f"{one.id}  {one.title}", facts, one.rationale, f"Remedy: {one.remediation}"]
    parts += [f"Standards: {', '.join(one.standards)}"] if one.standards else []
    parts.append(f"Run it: pytest {test}")
    parts.append(
        "Waive it, in waivers.toml beside the compose file: a [[waiver]] with id, reason, owner and expires (a date at most "
        "180 days ahead). That lifts the gate, and never the score."
    )
    return "\n\n".join(textwrap.fill(part, width) for part in parts)
