"""RST-DB-002 and -003: who can read a backup, and whether it is whole."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from stack.errors import CannotTell
from stack.ops.encrypted_database import inspect
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.bench import DATABASE, Bench
from suites.restore.conftest import Trial
from suites.restore.invariants import broken
from suites.restore.other_key import other_private_key


@check(
    "RST-DB-002",
    title="A backup decrypts with the private key and with no other",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A backup that the key in the safe does not open is none; one that others can open is a leak.",
    remediation="Encrypt to the one backup key (stack/backup-gpg-key.asc), whose private half is the operator's.",
    standards=("NIST SP 800-34 3.4.2",),
)
def test_decrypts_with_the_private_key_and_no_other(bench: Bench, evidence: Evidence) -> None:
    locks = locks_of(bench)
    evidence.observed(f"{bench.archive}: {len(locks)} way to open it: {', '.join(locks)}")

    refused = bench.refusal(keys=replace(bench.keys, private_key=other_private_key(bench.keys.passphrase)))
    evidence.observed(f"with another private key: {refused or 'it opened'}")
    opened = bench.refusal()
    evidence.observed(f"with the operator's private key: {opened or 'it opened'}")

    assert not opened, f"{bench.archive}: does not open with the backup private key: {opened}"
    assert "can't open it" in refused, f"{bench.archive}: {refused or 'opens with another private key'}"
    assert len(locks) == 1, f"{bench.archive}: {len(locks)} keys open it ({', '.join(locks)}), expected one"
    assert locks[0].startswith("public key"), f"{bench.archive}: is opened by a {locks[0]}, expected a public key"


def locks_of(bench: Bench) -> list[str]:
    """What the archive's own packets say it can be opened with, read by gpg without any key."""
    argv = ["gpg", "--batch", "--no-options", "--homedir", str(bench.folder), "--list-packets", "--list-only"]
    try:
        done = subprocess.run(
            [*argv, str(bench.backups / bench.archive)], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError as error:
        raise CannotTell("gpg is not on this machine, so the archive's packets can't be read") from error
    locks = []
    for line in done.stdout.splitlines():
        if line.startswith(":pubkey enc packet:"):
            locks.append(f"public key {line.rsplit(' ', 1)[-1]}")
        elif line.startswith(":symkey enc packet:"):
            locks.append("passphrase")
    return locks


@check(
    "RST-DB-003",
    title="A backup made under write load is whole: integrity, counts, highest acknowledged sequence, invariants",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A copy of a live database can pass every integrity check and lack what was committed last.",
    remediation="Copy with the backup API or VACUUM INTO, never the file; verify the copy before it counts.",
)
def test_made_under_write_load_is_whole(trial: Trial, bench: Bench, evidence: Evidence) -> None:
    made = trial.made
    promised = max(ack.sequence for ack in made.before)
    evidence.observed(
        f"{len(made.acks)} writes acknowledged while it was made, {len(made.before)} of them before its copy was begun"
    )
    evidence.measure("backup under load", made.seconds, "s")
    evidence.measure("backup size", made.manifest["archive_bytes"], "B")

    refused = bench.refusal()
    assert not refused, f"{made.archive}: could not be restored: {refused}"
    contents = inspect(bench.data / DATABASE, bench.keys.secret)
    faults = broken(bench.data / DATABASE, bench.keys.secret)
    evidence.observed(f"cipher, structure and references are sound; {contents.tables}")
    evidence.observed(f"holds writes up to sequence {contents.highest_sequence}, promised {promised}")

    assert contents.highest_sequence >= promised, (
        f"{made.archive}: holds writes up to sequence {contents.highest_sequence},"
        f" expected at least {promised}, which was acknowledged before the copy was begun"
    )
    assert dict(contents.tables) == made.manifest["content"]["tables"], (
        f"{made.archive}: holds {contents.tables}, its manifest says {made.manifest['content']['tables']}"
    )
    assert not faults, f"{made.archive}: {'; '.join(faults)}"
