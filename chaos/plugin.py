"""What chaos adds to a pytest session: permission by name, leftovers healed at both ends, which experiments run and how."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stack.errors import UserError

if TYPE_CHECKING:
    from chaos.conditions import Conditions
    from chaos.selection import Selection
    from chaos.strategy import Strategy
    from stack.model import Stack

_RUNNING = "running"
_SELECTION: pytest.StashKey[Selection] = pytest.StashKey()
_STEADY: pytest.StashKey[Strategy | None] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare how experiments are chosen and carried out."""
    group = parser.getgroup("seatrial")
    group.addoption(
        "--experiment",
        metavar="ID",
        action="append",
        default=[],
        help="run only this experiment (repeatable): EXP-WAL-001",
    )
    group.addoption(
        "--budget",
        metavar="TIME",
        help="run experiments for so long (5m, 90s): those first that cover the most fault families x tiers for "
        "their time; those for which no time is left are INCONCLUSIVE",
    )
    group.addoption(
        "--steady-state",
        metavar="WHEN",
        help="when experiments ask for their steady state: before, during, after, continuously, or several of them with commas "
        "(default: before,after). What is not asked is not taken as good: without after, nothing is said of recovery",
    )
    group.addoption(
        "--chaos-toolkit",
        metavar="FILE",
        action="append",
        default=[],
        type=Path,
        help="run only this Chaos Toolkit experiment file (repeatable; JSON or YAML; http and process providers), and what "
        "--experiment names: its rollbacks always run",
    )
    group.addoption(
        "--no-base-load",
        action="store_true",
        help="no customers browse while things break; what an experiment promises them is then INCONCLUSIVE",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pass `--allow-faults PROJECT` on, and refuse a budget or a strategy that is none."""
    config.addinivalue_line(
        "markers", "experiment(experiment, cells): stands for it; what it covers of family and tier"
    )
    config.stash[_STEADY] = None
    try:
        if (asked := config.getoption("steady_state")) is not None:
            from chaos.strategy import strategy

            config.stash[_STEADY] = strategy(asked)
        if (asked := config.getoption("budget")) is not None:
            from chaos.budget import budget

            budget(asked)
        if files := config.getoption("chaos_toolkit"):
            from chaos.toolkit.importing import choose

            choose(files)
    except UserError as error:
        raise pytest.UsageError(str(error)) from error
    if project := config.getoption("allow_faults", default=None):
        from chaos.runner import permit

        permit(project)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--experiment` or `--chaos-toolkit`, keep these experiments and nothing else; then put them in their order."""
    wanted = list(config.getoption("experiment"))
    if config.getoption("chaos_toolkit"):
        from chaos.toolkit.importing import chosen_ids

        wanted += chosen_ids()
    if wanted:
        _keep(config, items, wanted)
    from chaos.selection import Selection, of_experiments

    if not of_experiments(items):
        return
    text, reports = config.getoption("budget"), Path(config.getoption("reports", default="reports/out"))
    selection = Selection(items, text, last=reports / "latest" / "results.json")
    config.stash[_SELECTION] = selection
    selection.arrange(items)


def _keep(config: pytest.Config, items: list[pytest.Item], wanted: list[str]) -> None:
    """An unknown id is bad input: raises pytest.UsageError."""
    from suites.check import check_of

    entries = {item: check_of(item) for item in items}
    known = {entry.id for entry in entries.values() if entry is not None}
    if missing := [one for one in wanted if one not in known]:
        experiments = sorted(one for one in known if one.startswith("EXP-"))
        raise pytest.UsageError(
            f"--experiment {missing[0]}: there is none (there are {', '.join(experiments) or 'none here'})"
        )
    kept = [item for item, entry in entries.items() if entry is not None and entry.id in wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what a budget picked, what it left out, and what nobody covers then."""
    return config.stash[_SELECTION].lines() if _SELECTION in config.stash else []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """An experiment for which there is no time is not begun. Raises CannotTell."""
    if _SELECTION in item.config.stash:
        item.config.stash[_SELECTION].refuse_if_late(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """The first experiment's call begins the budget's time: the stack is up by then."""
    if _SELECTION in item.config.stash:
        item.config.stash[_SELECTION].begin(item)


@pytest.fixture(scope="session")
def conditions(pytestconfig: pytest.Config, running: Stack) -> Iterator[Conditions]:
    """What the session's experiments share: customers that browse meanwhile, and other stacks where they need some."""
    from chaos.conditions import Conditions

    shared = Conditions(base_load=not pytestconfig.getoption("no_base_load"), steady=pytestconfig.stash[_STEADY])
    yield shared
    shared.close()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Heal when the stack is there, before any check sees it, and before it is let go.

    A leftover that can't be healed raises RevertFailed, in the set-up or tear-down of whatever is at hand: the reports
    know it by its attribute.
    """
    result = yield
    if fixturedef.argname == _RUNNING:
        _heal(result)
        # Finalizers run in reverse: this one comes before the stack's own tear-down.
        fixturedef.addfinalizer(lambda: _let_go(result))
    return result


def _heal(stack: Stack) -> None:
    from chaos.heal import raise_if_any_failed
    from chaos.runner import heal_leftovers
    from stack.errors import CannotTell

    try:
        raise_if_any_failed(heal_leftovers(stack))
    except UserError as error:
        pytest.exit(str(error), returncode=4)
    except CannotTell:
        # No engine, no journal: whatever needs them says so itself, and nothing was injected without them.
        return


def _let_go(stack: Stack) -> None:
    from chaos.heal import raise_if_any_failed
    from chaos.runner import close

    raise_if_any_failed(close(stack))
