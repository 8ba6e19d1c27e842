"""A copy of the live file is found (RST-DB-003, -005), and one wallet in two places (RST-WAL-002), on the running reference stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.journey import journey_of
from stack.model import Stack
from suites.check import Evidence
from suites.restore.bench import bench_of
from suites.restore.conftest import Trial
from suites.restore.cosigning import cosigned_and_mined
from suites.restore.losing import losses_of
from suites.restore.test_backup import test_made_under_write_load_is_whole as the_check
from suites.restore.test_objectives import judge_losses
from suites.restore.writing import BACKUP, Made, back_up_under_load, backup_service

COPYING_THE_FILE = """
import shutil, sys
from stack.ops import backup_database
from stack.ops.__main__ import main
backup_database.copy_live = lambda live, copy, key: shutil.copyfile(live, copy)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def stack(reference: Stack) -> Stack:
    """The running reference stack."""
    return reference


@pytest.fixture
def made(stack: Stack, request: pytest.FixtureRequest) -> Iterator[tuple[Trial, Made]]:
    """A backup by the program of the parameter (none: the real one), removed from the stack afterwards."""
    program = request.param
    argv = BACKUP if program is None else ("python", "-c", program, *BACKUP[3:])
    journey = journey_of(stack)
    backup = back_up_under_load(stack, journey, argv=argv)
    yield Trial(journey, backup), backup
    names = [f"/backups/database/{backup.archive}{suffix}" for suffix in (".json", "")]
    stack.container(backup_service(stack)).exec(["rm", "--", *names])


@pytest.mark.parametrize("made", [None], indirect=True)
def test_the_real_backup_passes(stack: Stack, made: tuple[Trial, Made]) -> None:
    with bench_of(stack, made[1].archive) as bench:
        the_check(made[0], bench, Evidence())


@pytest.mark.parametrize("made", [COPYING_THE_FILE], indirect=True)
def test_a_copy_of_the_live_file_fails(stack: Stack, made: tuple[Trial, Made]) -> None:
    with bench_of(stack, made[1].archive) as bench, pytest.raises(AssertionError, match="expected at least"):
        the_check(made[0], bench, Evidence())


def test_wallets_that_are_one_another_do_not_spend_together(stack: Stack) -> None:
    """As after a restore of the buyer's files in the vendor's place: two RPCs, and one signer."""
    with pytest.raises(AssertionError, match="don't spend together"):
        cosigned_and_mined(stack, "buyer", "buyer")


def test_two_wallets_of_the_triple_spend_together(stack: Stack) -> None:
    assert cosigned_and_mined(stack, "buyer", "vendor")


def test_a_copy_of_the_live_file_loses_more_than_its_interval_explains(stack: Stack) -> None:
    argv = ("python", "-c", COPYING_THE_FILE, *BACKUP[3:])
    losses, kept = losses_of(stack, journey_of(stack), times=3, argv=argv)
    names = [f"/backups/database/{each.archive}{suffix}" for each in kept for suffix in (".json", "")]
    stack.container(backup_service(stack)).exec(["rm", "--", *names])

    with pytest.raises(AssertionError, match="acknowledged before it was begun"):
        judge_losses(losses)
