"""RST-DB-001, -008 and -013: backups are made when they should be, not under keys past their time, and kept long enough."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stack.completed import Completed
from stack.errors import CannotTell
from stack.model import Stack
from stack.ops import manifest
from stack.ops.rescue_wallets import side_by_side
from suites.ahead import ahead
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.aging import expired, revoked
from suites.restore.bench import Bench, bench_of, newest_of, own
from suites.restore.clockwork import Line, Ring, lines_of, rung
from suites.restore.workshop import key_file, public_key_of, run


def struck(stack: Stack) -> Sequence[tuple[Line, Ring]]:
    """Let the clock strike each line of the crontab, on a bench of the drill's own."""
    with bench_of(stack, newest_of(stack)) as bench:
        bench.restore()
        lines = lines_of(stack)
        rings = side_by_side({line.text: lambda line=line: rung(bench, line) for line in lines})  # type: ignore[misc]
        return [(line, rings[line.text]) for line in lines]


@pytest.mark.usefixtures("trial")
@ahead(struck, beside=Impact.DESTRUCTIVE)
@check(
    "RST-DB-001",
    title="The scheduler itself makes a database backup at its crontab's time, and it is fresh",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A backup that somebody made by hand says nothing of the night; the clock has to be seen to strike.",
    remediation="Look at the scheduler's file (stack/images/backup/backup-database.yaml) and its log.",
    standards=("SOC 2 A1.2",),
)
def test_scheduler_keeps_its_times(drill: Callable[[], Sequence[tuple[Line, Ring]]], evidence: Evidence) -> None:
    rings = drill()
    for line, made in rings:
        evidence.observed(f"{line.text} (UTC): at {line.due:%H:%M} {made.what or 'nothing'}")
    for line, made in rings:
        judge_ring(line, made.at)


def judge_ring(line: Line, at: datetime | None) -> None:
    """Hold a scheduled backup to its time: begun at it, and not a minute later."""
    assert at is not None, f"{line.text}: no backup was made at {line.due:%H:%M}"
    late = (at - line.due).total_seconds()
    assert 0 <= late < 60, f"{line.text}: the backup was begun {late:.0f} s after {line.due:%H:%M}"


@dataclass(frozen=True)
class PastTheirTime:
    """What came of keys past their time, by how they are past it."""

    archive: str
    """The backup of before, which was restored with each."""
    backed_up: Mapping[str, Completed]
    left: Sequence[str]
    """Files that the refused backups left."""
    control: Completed
    """A backup under the key while it is good."""
    refused: Mapping[str, str]
    """Why the backup of before could not be restored; empty where it could."""


def past_their_time(stack: Stack) -> PastTheirTime:
    """Back up and restore with the key expired and revoked, on a bench of the drill's own."""
    with bench_of(stack, newest_of(stack)) as bench:
        bench.restore()
        aged = side_by_side({"expired": lambda: expired(bench.keys), "revoked": lambda: revoked(bench.keys)})
        secret = key_file(bench, "DATABASE_PASSWORD", bench.keys.secret)
        public = {"good": public_key_of(bench)} | {how: key.public for how, key in aged.items()}
        paths = {how: key_file(bench, f"{how}.asc", content) for how, content in public.items()}
        before = {path.name for path in bench.backups.iterdir()}
        tried = {how: back_up(bench, secret, paths[how]) for how in aged}
        left = sorted({path.name for path in bench.backups.iterdir()} - before - {".lock"})
        control = back_up(bench, secret, paths["good"])
        again = {how: bench.refusal(keys=replace(bench.keys, private_key=key.private)) for how, key in aged.items()}
        return PastTheirTime(bench.archive, tried, left, control, again)


@pytest.mark.usefixtures("trial")
@ahead(past_their_time, beside=Impact.DESTRUCTIVE)
@check(
    "RST-DB-008",
    title="An expired or revoked key is refused when backing up, and old backups still restore",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A key past its time must stop new backups loudly, and never take the old ones with it.",
    remediation="Make a new backup key in time (docs/disaster-recovery.md), and keep the old private key while its backups last.",
)
def test_keys_past_their_time_are_refused(drill: Callable[[], PastTheirTime], evidence: Evidence) -> None:
    seen = drill()
    for how, done in seen.backed_up.items():
        evidence.observed(f"{how}, backing up: {done.stderr.strip() or 'a backup was made'}")
        evidence.observed(f"{how}, restoring {seen.archive}: {seen.refused[how] or 'restored'}")

    judge_past_their_time(seen)


def judge_past_their_time(seen: PastTheirTime) -> None:
    """Hold that bad keys make no backup and leave nothing, and that the old backup opens with each."""
    assert seen.control.ok, f"with the good key: {seen.control.last_words()}"
    for how, done in seen.backed_up.items():
        judge_refusal(how, done)
    assert not seen.left, f"a refused backup left {seen.left}"
    for how, refused in seen.refused.items():
        assert not refused, f"{seen.archive}: does not open with the {how} private key: {refused}"


def back_up(bench: Bench, secret: str, public: str) -> Completed:
    """Back the bench's database up in the product's image, under that public key."""
    argv = ["python", "-m", "stack.ops", "backup-database", "--metrics", "/none", "--key-file", secret]
    return run(bench, [*argv, "--public-key", public])


def judge_refusal(how: str, done: Completed) -> None:
    """Hold a backup under a bad key to one sentence that says what is wrong with the key."""
    said = done.stderr.strip()
    assert done.code != 0, f"an {how} key: a backup was made with it"
    assert how in said and len(said.splitlines()) == 1, f"an {how} key: said {said!r}, expected one sentence that says so"


@check(
    "RST-DB-013",
    title="Retention removes what is past its age and never the last good backup",
    area=Area.RESTORE,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A clean-up that counts days alone deletes the last good backup once backups have silently stopped.",
    remediation="Prune with `python -m stack.ops prune-backups`, which checks what it keeps.",
)
def test_retention_keeps_the_last_good_one(bench: Bench, evidence: Evidence) -> None:
    said = bench.stack.profile.backup
    if said is None:
        raise CannotTell(bench.stack.profile.missing("[backup] retention_days = …"))
    days = int(said.retention_days)
    young, old, older = (aged_copy(bench, by) for by in (days - 1, days + 1, days + 10))
    first = pruned(bench, days, evidence)
    (bench.backups / bench.archive).write_bytes(b"broken")
    (bench.backups / young).write_bytes(b"broken")
    old_again = aged_copy(bench, days + 2, content=bench_content(bench, old))
    second = pruned(bench, days, evidence)

    judge_first(first, kept={bench.archive, young}, gone={old, older})
    judge_last_good(second, last_good=old_again)


def bench_content(bench: Bench, name: str) -> bytes:
    """A good archive's bytes, kept aside before the pruning removed them."""
    return (bench.folder / "aside" / name).read_bytes()


def aged_copy(bench: Bench, days: int, *, content: bytes | None = None) -> str:
    """A backup that says it was made `days` ago; a good one, kept aside too."""
    made = manifest.read(bench.backups / f"{bench.archive}.json")
    when = datetime.now(UTC) - timedelta(days=days)
    name = f"db-aged-{days}-days.sqlcipher.gpg"
    aside = bench.folder / "aside"
    aside.mkdir(exist_ok=True)
    (aside / name).write_bytes(bench.content if content is None else content)
    shutil.copyfile(aside / name, bench.backups / name)
    facts = replace(made, archive=name, made_at=when.isoformat(timespec="milliseconds"))
    manifest.write(manifest.sealed(facts, bench.keys.secret), bench.backups / f"{name}.json")
    own(bench.folder)
    return name


def pruned(bench: Bench, days: int, evidence: Evidence) -> set[str]:
    """Prune in the product's image; return the archives that are left."""
    done = run(bench, ["python", "-m", "stack.ops", "prune-backups", "--days", str(days)])
    evidence.observed(done.stdout.strip().replace("\n", ", ") if done.ok else done.last_words())
    assert done.ok, f"prune-backups ended with {done.code}: {done.last_words()}"
    return {path.name for path in Path(bench.backups).glob("*.gpg")}


def judge_first(left: set[str], *, kept: set[str], gone: set[str]) -> None:
    """What is past its age is gone, and nothing else."""
    assert not left & gone, f"{', '.join(sorted(left & gone))}: past the retention's age and still there"
    assert kept <= left, f"{', '.join(sorted(kept - left))}: within the retention's age and gone"


def judge_last_good(left: set[str], *, last_good: str) -> None:
    """With every younger one broken, the last good one stays whatever its age."""
    assert last_good in left, f"{last_good}: was the last good backup, and is gone"
