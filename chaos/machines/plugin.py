"""What the machines add to a pytest session: which list is performed, for how long, and whether a failing one is cut down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from chaos.machines.campaign import MINIMISE_WITHIN, Trial, Wish
from chaos.machines.machine import STEPS
from chaos.machines.performing import BOUND
from chaos.machines.plan import Plan, read
from stack.errors import UserError

_WISH = pytest.StashKey[Wish]()
_MOST_STEPS, _LONGEST_SECONDS = 500, 86_400


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare how a machine's list is chosen."""
    group = parser.getgroup("seatrial")
    group.addoption("--replay", metavar="FILE", help="perform the list of steps of this file, and nothing else")
    group.addoption(
        "--minimise", action="store_true", help="cut a machine's failing list down (a replayed one is in any case)"
    )
    group.addoption(
        "--minimise-within",
        metavar="SECONDS",
        default=str(MINIMISE_WITHIN.total_seconds()),
        help="for at most this long (default: %(default)s)",
    )
    group.addoption(
        "--machine-steps", metavar="N", default=str(STEPS), help="how many steps a list has (default: %(default)s)"
    )
    group.addoption(
        "--machine-within",
        metavar="SECONDS",
        default=str(BOUND.total_seconds()),
        help="begin steps for at most this long (default: %(default)s)",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the options that need no stack; bad ones end the run with one sentence."""
    replay = config.getoption("replay")
    asked = config.getoption("seed", default=None)
    config.stash[_WISH] = Wish(
        seed=None if asked is None else whole("--seed", asked, None),
        steps=whole("--machine-steps", config.getoption("machine_steps"), _MOST_STEPS),
        within=seconds("--machine-within", config.getoption("machine_within")),
        replay=None if replay is None else _list_of(config.invocation_params.dir / replay),
        minimise=config.getoption("minimise"),
        minimise_within=seconds("--minimise-within", config.getoption("minimise_within")),
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--replay`, keep the check of the list's machine and nothing else."""
    replay = wish_of(config).replay
    if replay is None:
        return
    from chaos.machines import every
    from suites.check import check_of

    id_ = every()[replay.machine].id
    kept = [item for item in items if (entry := check_of(item)) is not None and entry.id == id_]
    if chosen := [one for one in config.getoption("experiment", default=[]) if one != id_]:
        raise pytest.UsageError(
            f"--experiment {chosen[0]}: the list to replay is of the machine {replay.machine}, which is {id_}"
        )
    if not kept:
        raise pytest.UsageError(f"--replay: {id_} is not among what was collected: pytest chaos --replay FILE")
    for item in kept:
        # What is broken must be there before anything is brought up for it.
        trial: Trial = item.callspec.params["trial"]  # type: ignore[attr-defined]  # a parametrised function's
        try:
            trial.machine.refuse_strangers(replay, trial.services)
        except UserError as error:
            raise pytest.UsageError(f"--replay {config.getoption('replay')}: {error}") from error
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def wish_of(config: pytest.Config) -> Wish:
    """What this session's machines shall do."""
    return config.stash[_WISH]


@pytest.fixture(scope="session")
def wish(pytestconfig: pytest.Config) -> Wish:
    """What this session's machines shall do."""
    return wish_of(pytestconfig)


def _list_of(path: Path) -> Plan:
    from chaos.machines import every

    try:
        plan = read(path)
        if plan.machine not in every():
            raise UserError(f"there is no machine {plan.machine!r} (there are {', '.join(every())})")
        every()[plan.machine].check(plan)
    except UserError as error:
        message = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise pytest.UsageError(f"--replay {message}") from error
    return plan


def whole(option: str, text: str, most: int | None) -> int:
    """A whole number, from 1 on where there is a bound. Raises pytest.UsageError."""
    try:
        number = int(text)
    except ValueError as error:
        raise pytest.UsageError(f"{option} {text}: must be a whole number") from error
    if most is not None and not 1 <= number <= most:
        raise pytest.UsageError(f"{option} {text}: must be a whole number from 1 to {most}")
    return number


def seconds(option: str, text: str) -> timedelta:
    """A time. Raises pytest.UsageError."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= _LONGEST_SECONDS:  # NaN is not, either
        raise pytest.UsageError(f"{option} {text}: must be seconds, more than 0 and at most {_LONGEST_SECONDS}")
    return timedelta(seconds=found)
