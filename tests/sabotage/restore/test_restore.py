"""RST-DB-003 finds a backup that was made by copying the live file, on the running reference stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.journey import journey_of
from stack.model import Stack
from suites.check import Evidence
from suites.restore.bench import bench_of
from suites.restore.conftest import Trial
from suites.restore.test_backup import test_made_under_write_load_is_whole as the_check
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
