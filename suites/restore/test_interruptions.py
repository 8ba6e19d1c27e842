"""RST-DB-011 and -012: a disk that is full and a process that is killed, at every stage, cost neither data nor backup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.ops.encrypted_database import connect
from suites.ahead import ahead
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.bench import DATABASE, Bench, bench_of, newest_of, own
from suites.restore.workshop import run_inside

_SMALL = "type=tmpfs,destination=/small,tmpfs-size=67108864,tmpfs-mode=1777"
_POINTS = 6


def filled(stack: Stack) -> list[dict[str, Any]]:
    """Try backup and restore on a disk that is full at each stage, on a bench of the drill's own."""
    with bench_of(stack, newest_of(stack)) as bench:
        bench.restore()
        tried: list[dict[str, Any]] = run_inside(bench, "full_disk", mounts=[_SMALL])
        return tried


@pytest.mark.usefixtures("trial")
@ahead(filled, beside=Impact.DESTRUCTIVE)
@check(
    "RST-DB-011",
    title="A full disk at any stage leaves live data untouched and the last good backup in place",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="The day a disk is full is the day the backup is needed; it must not be what the full disk took.",
    remediation="Write under another name, verify, rename last, and remove what is half made on every way out.",
)
def test_full_disk_costs_nothing(drill: Callable[[], list[dict[str, Any]]], evidence: Evidence) -> None:
    tried = drill()
    rows = [(each["what"], each["stage"] or "(room enough)", str(each["code"]), each["said"]) for each in tried]
    evidence.table("a disk that is full at each stage", ("what", "full", "exit code", "said"), rows)

    for each in tried:
        judge_full_disk(each)


def judge_full_disk(tried: Mapping[str, Any]) -> None:
    """Hold one try to what it must leave; without a stage there was room enough, and it must have worked."""
    name = f"{tried['what']}, disk full {tried['stage'] or 'never'}"
    assert tried["untouched"], f"{name}: what was there before is not as it was"
    if not tried["stage"]:
        assert tried["code"] == 0, f"{name}: ended with {tried['code']}: {tried['said']}"
        return
    assert tried["code"] != 0, f"{name}: ended as if it had worked"
    said = str(tried["said"])
    assert said and len(said.splitlines()) == 1 and "Traceback" not in said, f"{name}: said {said!r}, expected one sentence"
    assert not tried["left"], f"{name}: left {tried['left']}"


@dataclass(frozen=True)
class Kills:
    """What each of the killed commands told, and what the database is byte for byte once it has been restored."""

    told: Mapping[str, Mapping[str, Any]]
    restored: str


def killed(stack: Stack) -> Kills:
    """Kill backup and restore at one moment after the other, on a bench of the drill's own."""
    with bench_of(stack, newest_of(stack)) as bench:
        bench.restore()
        make_newer(bench)
        with ThreadPoolExecutor(2) as pool:
            pending = {
                what: pool.submit(run_inside, bench, "killing", what, str(_POINTS)) for what in ("backup", "restore")
            }
        return Kills({what: future.result() for what, future in pending.items()}, content_sha256(bench))


@pytest.mark.usefixtures("trial")
@ahead(killed, beside=Impact.DESTRUCTIVE)
@check(
    "RST-DB-012",
    title="A backup or restore killed at any stage leaves live data usable",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Machines lose power in the middle of things; whatever the moment, one whole database must be there.",
    remediation="Build beside, sync, and put in place by one rename; remove stale files before it, not after.",
)
def test_killed_at_any_stage(drill: Callable[[], Kills], evidence: Evidence) -> None:
    kills = drill()
    for what, told in kills.told.items():
        hit = [kill for kill in told["kills"] if not kill["ended"]]
        evidence.observed(
            f"{what}: killed at {len(hit)} of {_POINTS} moments of its {told['seconds']:.2f} s;"
            f" then left alone: {told['again'] or 'done'}; {told['verify_said']}"
        )
        judge_kills(what, told, restored=kills.restored)
        require_a_hit(what, told)


def require_a_hit(what: str, told: Mapping[str, Any]) -> None:
    """Raises CannotTell when the command had always ended before it was to be killed: then nothing was interrupted."""
    if all(kill["ended"] for kill in told["kills"]):
        raise CannotTell(f"{what}: had ended before each of {len(told['kills'])} moments at which it was to be killed")


def make_newer(bench: Bench) -> None:
    """Write to the restored database what its backup lacks, so that old and new can be told apart."""
    live = connect(bench.data / DATABASE, bench.keys.secret)
    live.execute("CREATE TABLE written_since (sequence INTEGER)")
    live.commit()
    live.close()
    own(bench.folder)


def content_sha256(bench: Bench) -> str:
    """What the database is byte for byte once the bench's backup is restored."""
    from stack.ops.manifest import read

    return read(bench.backups / f"{bench.archive}.json").content_sha256


def judge_kills(what: str, told: Mapping[str, Any], *, restored: str) -> None:
    """Hold each kill to what it must leave: the good backup as it was; the live database as it was, or whole and new."""
    assert not told["whole"], f"{what}: failed without being killed: {told['whole']}"
    for kill in told["kills"]:
        before, now = kill["before"], kill["now"]
        moment = f"{what} killed after {kill['after']} s"
        changed = [name for name in before if name != DATABASE and now[name] != before[name]]
        assert not changed, f"{moment}: the good backup is not as it was ({', '.join(changed)})"
        allowed = {before[DATABASE]} if what == "backup" else {before[DATABASE], restored}
        assert now[DATABASE] in allowed, f"{moment}: the live database is {'gone' if now[DATABASE] == 'gone' else 'neither old nor new'}"
    assert not told["again"], f"{what} after the kills: {told['again']}"
    assert not told["left"], f"{what} after the kills: left {told['left']}"
    assert told["verified"] == 0, f"{what} after the kills: {told['verify_said']}"
