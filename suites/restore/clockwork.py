"""Moves the clock of a copy of the scheduler's container to just before a line of its crontab, and waits for it to strike."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stack.driver import HELPER_IMAGE
from stack.errors import CannotTell
from stack.model import Stack
from suites.restore.bench import Bench, own
from suites.restore.workshop import KEYS, key_file, public_key_of, run
from suites.restore.writing import backup_service

#: How long before its line the scheduler is started: the second where the machine is too busy for the first.
_LEADS_SECONDS = (5, 45)
_SILENT, _LATE = 7, 8
_SCHEDULED = ("full", "snapshot")
SCHEDULER = "/tmp/yacron.sock"
_STRIKES_WITHIN_SECONDS = 90
_PRELOAD = "libfaketime.so.1"
_FOUND_IN = f"/usr/lib/x86_64-linux-gnu/faketime/{_PRELOAD}"


@dataclass(frozen=True)
class Line:
    """A line of the crontab, and when it is next due (UTC)."""

    text: str
    due: datetime
    command: tuple[str, ...]
    """What the scheduler's container runs."""


@dataclass(frozen=True)
class Ring:
    """What was made when it struck: when it was begun by the scheduler's own clock, and for people."""

    at: datetime | None
    what: str


def lines_of(stack: Stack) -> list[Line]:
    """The crontab that the profile promises for the database, each line with its next time.

    Raises:
        CannotTell: it promises none, or a line that is more than minutes and hours.

    """
    service = backup_service(stack)
    jobs = [job for job in stack.profile.backup.jobs if job.service == service] if stack.profile.backup else []
    command = tuple(stack.container(service).attrs["Config"]["Cmd"] or ())
    return [Line(text, next_of(text, datetime.now(UTC)), command) for job in jobs for text in job.schedule]


def next_of(text: str, now: datetime) -> datetime:
    """When a line whose day fields are all `*` is next due after `now`, to the minute."""
    minutes, hours, *days = text.split()
    if days != ["*", "*", "*"]:
        raise CannotTell(f"{text}: days are not understood here, only minutes and hours")
    moment = now.replace(second=0, microsecond=0)
    for _ in range(24 * 60 + 1):
        moment += timedelta(minutes=1)
        if _holds(minutes, moment.minute) and _holds(hours, moment.hour):
            return moment
    raise CannotTell(f"{text}: is never due")


def _holds(field: str, value: int) -> bool:
    try:
        return field == "*" or value in {int(each) for each in field.split(",")}
    except ValueError as error:
        raise CannotTell(f"{field}: is not understood here, only * and numbers") from error


def rung(bench: Bench, line: Line) -> Ring:
    """Run the scheduler with its clock a few seconds before the line, until it has backed up, and tell what it made.

    Raises:
        CannotTell: there is no libfaketime in the fault tool image, or the scheduler takes too long to start.

    """
    own_bench = bench.with_archive(bench.content)
    key_file(own_bench, "DATABASE_PASSWORD", bench.keys.secret)
    key_file(own_bench, "public.asc", public_key_of(bench))
    _bring_library(own_bench)
    for path in own_bench.backups.iterdir():
        path.unlink()
    keys = own_bench.folder / KEYS
    mounts = [
        f"type=bind,source={keys},target=/run/secrets,readonly",
        f"type=bind,source={keys / 'public.asc'},target=/etc/seatrial/backup-gpg-key.asc,readonly",
    ]
    for lead in _LEADS_SECONDS:
        argv = ["sh", "-c", _script(line, lead)]
        done = run(own_bench, argv, mounts=mounts, timeout_seconds=lead + 2 * _STRIKES_WITHIN_SECONDS)
        if done.code != _LATE:
            break
    if done.code not in (0, _SILENT):
        raise CannotTell(f"the scheduler could not be run with another clock: {done.last_words()}")
    made = [json.loads(path.read_text()) for path in own_bench.backups.glob("db-*.json")]
    scheduled = [each for each in made if each["trigger"] in _SCHEDULED]
    if not scheduled:
        return Ring(None, done.last_words())
    return Ring(datetime.fromisoformat(scheduled[0]["made_at"]), f"{scheduled[0]['archive']} ({scheduled[0]['trigger']})")


def _script(line: Line, lead: int) -> str:
    """Start the scheduler so many seconds before its line, and wait for a backup that it did not make for having started."""
    due = int(line.due.timestamp())
    # an offset and not a moment: every process that the scheduler starts has the same clock then
    return f"""
        ahead=$(({due} - {lead} - $(date +%s)))
        LD_PRELOAD=/{KEYS}/{_PRELOAD} FAKETIME=$(printf '%+d' $ahead) FAKETIME_DONT_FAKE_MONOTONIC=1 \
            {shlex.join(line.command)} > /tmp/log 2>&1 &
        until [ -S {SCHEDULER} ]; do
            [ $(($(date +%s) + ahead)) -lt {due + 60} ] || exit {_LATE}
            sleep 0.1
        done
        [ $(($(date +%s) + ahead)) -lt {due} ] || exit {_LATE}
        for _ in $(seq {(lead + _STRIKES_WITHIN_SECONDS) * 4}); do
            grep -qsE '"trigger": "({"|".join(_SCHEDULED)})"' /backups/database/*.json && exit 0
            sleep 0.25
        done
        tail -n 3 /tmp/log
        exit {_SILENT}
    """


def _bring_library(bench: Bench) -> None:
    """Take libfaketime out of the fault tool image; the backup image has none, and shall have none."""
    folder = bench.folder / KEYS
    done: Any = bench.stack.driver.run_helper(
        ["cp", _FOUND_IN, "/to/"],
        image=HELPER_IMAGE,
        network="none",
        mounts=[f"type=bind,source={folder},target=/to"],
    )
    if done.code != 0:
        raise CannotTell(f"the fault tool image has no {_FOUND_IN}: {done.last_words()}")
    own(bench.folder)
