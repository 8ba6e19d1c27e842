"""RST-DB-007 … -015: what a restore must refuse or survive, each time with the live data held against what it was."""

from __future__ import annotations

from dataclasses import replace

from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.bench import DATABASE, Bench, own
from suites.restore.other_key import other_private_key

REMEDIATION = "Restore with `python -m stack.ops rescue-database`, which replaces nothing before it has verified everything."


def require_refused(bench: Bench, before: dict[str, str], what: str, said: str, evidence: Evidence) -> None:
    """Hold that a restore was refused with a sentence, and that what was live is byte for byte what it was."""
    evidence.observed(f"{what}: {said or 'restored'}")
    assert said, f"{what}: was restored, expected to be refused"
    assert "Traceback" not in said and len(said.splitlines()) == 1, f"{what}: refused with {said!r}, expected one sentence"
    after = bench.fingerprint()
    assert after == before, f"{what}: left {sorted(after)} changed, expected the live data untouched"


@check(
    "RST-DB-007",
    title="A wrong key or passphrase is refused and live data is untouched",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="In an emergency the first key tried is often the wrong one; that must cost nothing.",
    remediation=REMEDIATION,
)
def test_wrong_keys_are_refused(restored: Bench, evidence: Evidence) -> None:
    before = restored.fingerprint()
    wrong = {
        "another private key": replace(restored.keys, private_key=other_private_key(restored.keys.passphrase)),
        "a wrong passphrase": replace(restored.keys, passphrase="not the passphrase"),
        "a wrong database key": replace(restored.keys, secret="not the key"),
    }

    for what, keys in wrong.items():
        require_refused(restored, before, what, restored.refusal(keys=keys), evidence)


@check(
    "RST-DB-009",
    title="A truncated backup is refused and live data is untouched",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A full disk or a broken transfer leaves half a backup that looks like one.",
    remediation=REMEDIATION,
)
def test_truncated_backup_is_refused(restored: Bench, evidence: Evidence) -> None:
    for what, content in (("half of it", restored.content[: len(restored.content) // 2]), ("nothing of it", b"")):
        cut = restored.with_archive(content)
        require_refused(cut, restored.fingerprint(), what, cut.refusal(), evidence)


@check(
    "RST-DB-010",
    title="A tampered or foreign backup is refused and live data is untouched",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Anybody has the public key: a backup is ours only if what it holds proves it.",
    remediation=REMEDIATION,
)
def test_tampered_backup_is_refused(restored: Bench, evidence: Evidence) -> None:
    content = bytearray(restored.content)
    content[len(content) // 2] ^= 0x01

    changed = restored.with_archive(bytes(content))
    require_refused(changed, restored.fingerprint(), "one bit changed", changed.refusal(), evidence)
    resealed = restored.with_archive(bytes(content))
    reseal(resealed)
    require_refused(resealed, restored.fingerprint(), "one bit changed, manifest too", resealed.refusal(), evidence)
    foreign = restored.with_archive(restored.content)
    reseal(foreign, secret="of another database")
    require_refused(foreign, restored.fingerprint(), "another database's manifest", foreign.refusal(), evidence)


def reseal(bench: Bench, *, secret: str | None = None) -> None:
    """Bring the manifest along with a changed archive, as a forger would who has the manifest's format."""
    from stack.ops import manifest

    path = bench.backups / f"{bench.archive}.json"
    archive = bench.backups / bench.archive
    forged = replace(
        manifest.read(path), archive_bytes=archive.stat().st_size, archive_sha256=manifest.sha256(archive)
    )
    manifest.write(manifest.sealed(forged, secret or bench.keys.secret), path)
    own(bench.folder)


@check(
    "RST-DB-014",
    title="Stale -wal and -shm files can't damage a restore",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="SQLite plays whatever write-ahead log lies beside a database into it, also into a restored one.",
    remediation=REMEDIATION,
)
def test_stale_wal_does_no_damage(bench: Bench, evidence: Evidence) -> None:
    from stack.ops.encrypted_database import connect, inspect

    facts = bench.restore()
    # a log that belongs to the database as it will be "before the disaster": one more write, never checkpointed
    live = connect(bench.data / DATABASE, bench.keys.secret)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("PRAGMA wal_autocheckpoint = 0")
    live.execute("CREATE TABLE written_after_the_backup (sequence INTEGER)")
    live.execute("INSERT INTO written_after_the_backup VALUES (999999999)")
    live.commit()
    stale = {suffix: (bench.data / (DATABASE + suffix)).read_bytes() for suffix in ("-wal", "-shm")}
    live.close()
    for suffix, content in stale.items():
        (bench.data / (DATABASE + suffix)).write_bytes(content)
    (bench.data / DATABASE).write_bytes(b"\0" * 4096)  # lost in the disaster; what lay beside it was not
    own(bench.folder)

    bench.restore()
    contents = inspect(bench.data / DATABASE, bench.keys.secret)
    evidence.observed(f"a stale log of {len(stale['-wal'])} bytes lay there; restored: {contents.highest_sequence}")

    assert contents.highest_sequence == facts["content"]["highest_sequence"], (
        f"{DATABASE}: holds writes up to {contents.highest_sequence}, expected {facts['content']['highest_sequence']}"
    )
    assert dict(contents.tables) == facts["content"]["tables"], f"{DATABASE}: the stale log was played into it"


@check(
    "RST-DB-015",
    title="Restoring twice is harmless",
    area=Area.RESTORE,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Somebody unsure whether the first restore worked runs it again.",
    remediation=REMEDIATION,
)
def test_restoring_twice_is_harmless(restored: Bench, evidence: Evidence) -> None:
    once = restored.fingerprint()

    restored.restore()

    evidence.observed(f"after one and after two restores: {', '.join(once)}")
    assert restored.fingerprint() == once, f"{DATABASE}: differs after the second restore"
