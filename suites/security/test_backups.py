"""Backups as somebody finds them: whom they are encrypted to, who else could open or change them, who may read them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from stack.profile import Backup
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security import private_keys
from suites.security.gpg import Gpg
from suites.security.rules import openpgp
from suites.security.rules.finding import Finding, judge
from suites.security.running import inside

BACKUP_LINE = "[backup] volume, path, public_key and [[backup.jobs]]"
HEAD_BYTES = 65_536


@dataclass(frozen=True)
class Archives:
    """The backups of one job, oldest first, as the host's root sees them, and everything else in their folder."""

    job: str
    found: tuple[Path, ...]
    beside: tuple[Path, ...]

    def name(self, path: Path) -> str:
        """How a file is called in findings."""
        return f"{self.job}: {path.name}"


@pytest.fixture
def backup(stack: Stack) -> Backup:
    """What the profile says of backups."""
    if stack.profile.backup is None or not stack.profile.backup.jobs:
        not_applicable(stack.profile.missing(BACKUP_LINE))
    return stack.profile.backup


def archives(stack: Stack, backup: Backup) -> list[Archives]:
    """The backups of every job; CannotTell when a job has none yet: then nothing is known of what it makes."""
    jobs = []
    for job in backup.jobs:
        folder = inside(stack.container(job.service), backup.path)
        found = tuple(sorted(path for path in folder.glob(job.pattern) if path.is_file()))
        if not found:
            raise CannotTell(f"{job.service} has made no backup yet ({backup.path}/{job.pattern})")
        beside = sorted({path for one in found for path in one.parent.iterdir() if path.is_file()} - set(found))
        jobs.append(Archives(job.what, found, tuple(beside)))
    return jobs


@check(
    "SEC-BAK-001",
    title="Every backup is OpenPGP-encrypted to an RSA-4096 key",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Backups travel and lie about for years: whoever finds one has everything, unless only one key opens it.",
    remediation="gpg --encrypt to the operator's RSA-4096 key alone, with integrity protection; no passphrase beside it.",
    standards=("OWASP-ASVS 6.1", "NIST SP 800-57", "RFC 9580"),
)
def test_backups_are_encrypted_to_the_backup_key(stack: Stack, backup: Backup, evidence: Evidence) -> None:
    key = stack.path(backup.public_key)
    with Gpg() as gpg:
        allowed = gpg.key_ids(key) if key is not None else frozenset()
    offences = []
    for job in archives(stack, backup):
        for path in job.found:
            with path.open("rb") as opened:
                problems = openpgp.problems(openpgp.read(opened.read(HEAD_BYTES)), allowed)
            offences += [Finding(f"{job.name(path)}: {text}", what=path.name) for text in problems]
        evidence.observed(f"{job.job}: {len(job.found)} backups looked at, the newest {job.found[-1].name}")
    evidence.declared(
        f"the backup key's parts that encrypt: {', '.join(sorted(allowed)) or 'the profile names no key'}"
    )
    judge(offences, check="SEC-BAK-001", evidence=evidence, profile=stack.profile)


@check(
    "SEC-BAK-002",
    title="The backup private key is in no running container and not in the project's folder",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Who breaks into a container that can open backups has the past as well as the present.",
    remediation="Keep it with the operator, outside the project; give it to a one-shot restore only.",
    standards=("NIST SP 800-57 5.3", "CWE-522"),
)
def test_private_key_is_with_the_operator_alone(stack: Stack, backup: Backup, evidence: Evidence) -> None:
    key = stack.path(backup.private_key)
    project = stack.declared.folder
    offences = [
        Finding(f"{path.relative_to(project)} in the project's folder is a private key", what=str(path))
        for path in private_keys.below(project)
    ]
    containers = [container for container in stack.containers() if container.is_running]
    for container in containers:
        offences += [
            Finding(f"{container.service}: {path} is a private key", what=path, service=container.service)
            for path in private_keys.in_container(container)
        ]
        if key is not None and key.exists() and private_keys.reached_by_mount(container, key.resolve()):
            offences.append(
                Finding(f"{container.service}: a mount leads to {key.name}", what=key.name, service=container.service)
            )
    evidence.observed(f"{project} and {len(containers)} running containers were searched by content")
    judge(offences, check="SEC-BAK-002", evidence=evidence, profile=stack.profile)


@check(
    "SEC-BAK-003",
    title="A backup with one changed byte is refused",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A backup somebody changed, or a disk that forgot a bit, must not become the live data unnoticed.",
    remediation="OpenPGP with integrity protection (gpg's default), and restores that stop at gpg's exit code.",
    standards=("RFC 9580 5.13", "CWE-354"),
)
def test_a_changed_backup_is_refused(stack: Stack, backup: Backup, evidence: Evidence) -> None:
    key = stack.path(backup.private_key)
    if key is None or not key.exists():
        raise CannotTell("the backup private key is not on this machine, so no backup can be tried")
    passphrase = stack.secret(backup.passphrase_secret) if backup.passphrase_secret else ""
    offences = []
    with Gpg() as gpg, tempfile.TemporaryDirectory(prefix="seatrial-backup-") as folder:
        gpg.take(key, passphrase)
        for job in archives(stack, backup):
            whole = job.found[-1].read_bytes()
            copy = Path(folder) / "copy.gpg"
            copy.write_bytes(whole)
            if not gpg.opens(copy, passphrase):
                raise CannotTell(f"{job.name(job.found[-1])} does not open unchanged, so a refusal shows nothing")
            for place, position in {"the middle": len(whole) // 2, "the last byte": len(whole) - 1}.items():
                copy.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
                accepted = gpg.opens(copy, passphrase)
                evidence.observed(f"{job.name(job.found[-1])}: {place} changed: {'taken' if accepted else 'refused'}")
                if accepted:
                    offences.append(Finding(f"{job.name(job.found[-1])}: opens with {place} changed", what=place))
    judge(offences, check="SEC-BAK-003", evidence=evidence, profile=stack.profile)


@check(
    "SEC-BAK-004",
    title="Backup files are readable by their owner alone",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Ciphertext is copied today and opened when the key leaks; and what is writable by others is not a backup.",
    remediation="umask 077 in the backup jobs; chmod 600 the files and 700 the folder.",
    standards=("CWE-732",),
)
def test_backup_files_are_their_owners_alone(stack: Stack, backup: Backup, evidence: Evidence) -> None:
    offences = []
    for job in archives(stack, backup):
        # An empty lock file tells nobody anything.
        files = [*job.found, *(path for path in job.beside if path.stat().st_size)]
        modes = {path: path.stat().st_mode & 0o777 for path in files}
        evidence.observed(
            f"{job.job}: {len(modes)} files, modes {', '.join(sorted({f'{m:04o}' for m in modes.values()}))}"
        )
        offences += [
            Finding(f"{job.name(path)} has mode {mode:04o}, expected nothing for group and others", what=path.name)
            for path, mode in modes.items()
            if mode & 0o077
        ]
    judge(offences, check="SEC-BAK-004", evidence=evidence, profile=stack.profile)
