"""What chaos adds to a pytest session: permission by name, leftovers healed at both ends, experiments chosen by id."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stack.model import Stack

_RUNNING = "running"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare how an experiment is chosen."""
    group = parser.getgroup("seatrial")
    group.addoption(
        "--experiment",
        metavar="ID",
        action="append",
        default=[],
        help="run only this experiment (repeatable): EXP-WAL-001",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pass `--allow-faults PROJECT` on."""
    if project := config.getoption("allow_faults", default=None):
        from chaos.runner import permit

        permit(project)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--experiment`, keep the experiments of these ids and nothing else; an unknown id is bad input."""
    wanted: list[str] = config.getoption("experiment")
    if not wanted:
        return
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
    from stack.errors import CannotTell, UserError

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
