"""What the checks of objectives, interruptions and upkeep make of what was observed: all well, and each thing amiss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stack.completed import Completed
from stack.errors import CannotTell
from suites.restore.clockwork import Line, next_of
from suites.restore.losing import Kept, loss_between
from suites.restore.test_interruptions import judge_full_disk, judge_kills, require_a_hit
from suites.restore.test_objectives import judge_losses
from suites.restore.test_upkeep import (
    PastTheirTime,
    judge_first,
    judge_last_good,
    judge_past_their_time,
    judge_refusal,
    judge_ring,
)

DUE = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
LINE = Line("0 2 * * *", DUE, ("yacron",))
FIRST, THEN = Kept("db-1.gpg", begun=10.0, finished=10.5, highest=5), Kept("db-2.gpg", begun=12.0, finished=12.6, highest=9)


def test_what_came_after_the_copy_is_what_is_lost() -> None:
    loss = loss_between(FIRST, THEN, [(4, 9.0), (5, 9.9), (6, 10.1), (9, 12.5), (10, 12.7)])

    assert (loss.writes, round(loss.seconds, 3), round(loss.bound, 3)) == (2, 2.5, 2.6)
    judge_losses([loss])


def test_a_copy_that_lacks_earlier_writes_fails() -> None:
    loss = loss_between(FIRST, THEN, [(6, 9.0), (7, 10.1)])

    with pytest.raises(AssertionError, match="3.60 s of writes would be lost.*2.60 s"):
        judge_losses([loss])


def tried(**change: Any) -> dict[str, Any]:
    """A backup on a full disk, refused as it should be."""
    well = {"what": "backup", "stage": "in the copy", "code": 1, "said": "x: disk full", "untouched": True, "left": []}
    return well | change


@pytest.mark.parametrize("well", [tried(), tried(stage="", code=0, said="", left=["db-3.gpg"])])
def test_a_full_disk_that_costs_nothing_passes(well: dict[str, Any]) -> None:
    judge_full_disk(well)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": 0}, "as if it had worked"),
        ({"untouched": False}, "not as it was"),
        ({"left": [".making-db"]}, "left"),
        ({"said": "Traceback\nOSError"}, "expected one sentence"),
        ({"said": ""}, "expected one sentence"),
        ({"stage": ""}, "ended with 1"),
    ],
)
def test_a_full_disk_that_costs_something_fails(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge_full_disk(tried(**change))


def kills(**change: Any) -> dict[str, Any]:
    """A restore killed once before its rename and once after it."""
    before = {"db.gpg": "a", "market.db": "live"}
    told: dict[str, Any] = {
        "whole": "", "again": "", "left": [], "verified": 0, "verify_said": "1 of 1",
        "kills": [
            {"after": 0.1, "ended": False, "before": before, "now": before},
            {"after": 0.9, "ended": False, "before": before, "now": {**before, "market.db": "restored"}},
        ],
    }  # fmt: skip
    now = change.pop("now", None)
    if now:
        told["kills"][1]["now"] = {**before, **now}
    return told | change


def test_kills_that_leave_old_or_new_pass() -> None:
    judge_kills("restore", kills(), restored="restored")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"now": {"market.db": "half"}}, "neither old nor new"),
        ({"now": {"market.db": "gone"}}, "the live database is gone"),
        ({"now": {"db.gpg": "b"}}, "the good backup is not as it was"),
        ({"again": "x: is locked"}, "after the kills: x: is locked"),
        ({"left": [".restoring-db"]}, "left"),
        ({"verified": 1}, "1 of 1"),
        ({"whole": "x: no key"}, "failed without being killed"),
    ],
)
def test_kills_that_cost_something_fail(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge_kills("restore", kills(**change), restored="restored")


def test_a_killed_backup_that_changed_the_database_fails() -> None:
    with pytest.raises(AssertionError, match="neither old nor new"):
        judge_kills("backup", kills(), restored="restored")


def test_a_backup_made_at_its_time_passes() -> None:
    judge_ring(LINE, DUE + timedelta(seconds=1.2))


@pytest.mark.parametrize(
    ("at", "said"),
    [(None, "no backup was made at 02:00"), (DUE + timedelta(minutes=5), "300 s after"), (DUE - timedelta(seconds=9), "-9 s")],
)
def test_a_scheduler_that_keeps_no_time_fails(at: datetime | None, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge_ring(LINE, at)


@pytest.mark.parametrize(
    ("line", "due"), [("0 2 * * *", "2026-11-25 02:00"), ("15,45 * * * *", "2026-11-24 10:45"), ("0 9,15,21 * * *", "2026-11-24 15:00")]
)
def test_the_next_time_of_a_line(line: str, due: str) -> None:
    now = datetime(2026, 11, 24, 10, 30, 20, tzinfo=UTC)

    assert f"{next_of(line, now):%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize("line", ["0 2 * * 1", "*/5 * * * *", "70 * * * *"])
def test_a_line_that_is_not_understood_can_not_tell(line: str) -> None:
    with pytest.raises(CannotTell):
        next_of(line, datetime(2026, 11, 24, tzinfo=UTC))


def done(code: int, said: str) -> Completed:
    """What a backup command answered."""
    return Completed(("backup-database",), code, "", said, 1.0)


def test_a_key_past_its_time_that_is_refused_passes() -> None:
    judge_refusal("expired", done(1, "the backup key AB has expired"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [(done(0, ""), "a backup was made with it"), (done(1, "no such key"), "one sentence that says so"), (done(1, "expired\nx"), "one sentence")],
)
def test_a_key_past_its_time_that_is_taken_fails(answer: Completed, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge_refusal("expired", answer)


def past_its_time(**change: Any) -> PastTheirTime:
    """An expired key that made no backup, left nothing and opened the old one."""
    tried = {"expired": done(1, "the backup key AB has expired")}
    well: dict[str, Any] = {"backed_up": tried, "left": [], "control": done(0, ""), "refused": {"expired": ""}}
    return PastTheirTime(archive="db-1.gpg", **(well | change))


def test_keys_past_their_time_that_cost_nothing_pass() -> None:
    judge_past_their_time(past_its_time())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"control": done(1, "no such key")}, "with the good key"),
        ({"backed_up": {"expired": done(0, "")}}, "a backup was made with it"),
        ({"left": [".making-db"]}, "a refused backup left"),
        ({"refused": {"expired": "no secret key"}}, "db-1.gpg: does not open with the expired private key"),
    ],
)
def test_keys_past_their_time_that_cost_something_fail(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge_past_their_time(past_its_time(**change))


def test_retention_that_keeps_and_removes_what_it_should_passes() -> None:
    judge_first({"today", "young"}, kept={"today", "young"}, gone={"old"})
    judge_last_good({"old", "today"}, last_good="old")


def test_retention_that_removes_too_little_or_too_much_fails() -> None:
    with pytest.raises(AssertionError, match="old: past the retention's age"):
        judge_first({"today", "old"}, kept={"today"}, gone={"old"})
    with pytest.raises(AssertionError, match="young: within the retention's age"):
        judge_first({"today"}, kept={"today", "young"}, gone={"old"})
    with pytest.raises(AssertionError, match="was the last good backup, and is gone"):
        judge_last_good({"today"}, last_good="old")


@pytest.mark.parametrize("ended", [[True], [True, True]])
def test_kills_that_all_came_too_late_interrupted_nothing(ended: list[bool]) -> None:
    with pytest.raises(CannotTell, match=f"^backup: had ended before each of {len(ended)} moments"):
        require_a_hit("backup", {"kills": [{"ended": each} for each in ended]})


def test_one_kill_that_landed_is_enough() -> None:
    require_a_hit("backup", {"kills": [{"ended": True}, {"ended": False}]})
