"""Secrets at rest: encrypted value by value, to one key, and never in git."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import yaml

from stack.completed import complete
from stack.errors import CannotTell
from stack.located import Where
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, not_applicable
from suites.security.private_paths import private_paths
from suites.security.repository import Repository, others_may_read
from suites.security.rules import entropy, sops
from suites.security.rules.finding import Finding, judge

FILE_LINE = '[secrets] file = "secrets.enc.yaml"'
KEY_LINE = '[secrets] age_key = "{operator}/age.key"'


def secrets_file(stack: Stack) -> Path:
    """The encrypted file the profile names."""
    path = stack.path(stack.profile.secrets.file)
    if path is None:
        not_applicable(stack.profile.missing(FILE_LINE))
    if not path.exists():
        inconclusive(
            first_run_makes(path)
            if path.is_relative_to(stack.root)
            else f"{path} is not there, though the profile names it"
        )
    return path


def first_run_makes(path: Path) -> str:
    """Why there is no secrets file to look at, and what makes it."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown} is made by the first run: make up (or python -m stack.ops secrets init)"


def age_key(stack: Stack) -> Path:
    """The age identity the profile names."""
    path = stack.path(stack.profile.secrets.age_key)
    if path is None:
        not_applicable(stack.profile.missing(KEY_LINE))
    if not path.exists():
        inconclusive(f"{path} is not on this machine, so it can't be tried")
    return path


def read(path: Path) -> object:
    """The secrets file as plain data."""
    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path} is no YAML: {error}") from error


@check(
    "SEC-SEC-001",
    title="Every value in the secrets file is encrypted with SOPS",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="One value that was forgotten is readable by whoever sees the file.",
    remediation="No file yet: `make up` makes it. A value in plain text: `python -m stack.ops secrets encrypt` (or `sops encrypt --in-place`); then rotate what stood there in plain text.",
    standards=("OWASP-ASVS 14.1", "CWE-312"),
)
def test_every_value_is_encrypted(stack: Stack, evidence: Evidence) -> None:
    path = secrets_file(stack)
    tree = read(path)

    offences = [Finding(f"{path.name}: {where} is not encrypted") for where in sops.plain_values(tree)]
    offences += [Finding(f"{path.name}: {rule} leaves values in plain text") for rule in sops.exempting_rules(tree)]

    evidence.declared(
        f"{path.name}: {len(tree) - 1 if isinstance(tree, dict) else 0} values, to {sops.recipients(tree)}"
    )
    judge(offences, check="SEC-SEC-001", evidence=evidence, profile=stack.profile)


@check(
    "SEC-SEC-002",
    title="The secrets file decrypts with the age key and with no other",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A file nobody can open is a lost stack; one that a second key opens has a second owner.",
    remediation="No file yet: `make up` makes it. Another key: `sops updatekeys` with the operator's recipient alone; rotate the secrets if another key was there.",
    standards=("NIST SP 800-57 5.3",),
    static=True,
)
def test_secrets_open_with_the_age_key_alone(stack: Stack, evidence: Evidence) -> None:
    path, key = secrets_file(stack), age_key(stack)
    ours = public_key(key)
    recipients = sops.recipients(read(path))
    offences = [
        Finding(f"{path.name} is also encrypted to {kind} {name}")
        for kind, names in recipients.items()
        for name in names
        if name != ours
    ]
    if not opens(path, key):
        offences.append(Finding(f"{path.name} does not open with {key}"))
    if opens(path, None):
        offences.append(Finding(f"{path.name} opens with a key that was made a moment ago"))

    evidence.declared(f"{path.name}: encrypted to {recipients}")
    evidence.observed(
        f"tried with {key.name} and with a fresh key: {'as expected' if not offences else 'not as expected'}"
    )
    judge(offences, check="SEC-SEC-002", evidence=evidence, profile=stack.profile)


def public_key(key: Path) -> str:
    """The recipient that belongs to an age identity file."""
    import pyrage

    for line in key.read_text().splitlines():
        if line.startswith("AGE-SECRET-KEY-"):
            return str(pyrage.x25519.Identity.from_str(line.strip()).to_public())
    raise CannotTell(f"{key} holds no age identity")


def opens(path: Path, key: Path | None) -> bool:
    """Whether sops opens a file with an age key, or with one made for this question. What it decrypts is dropped unseen."""
    import pyrage

    beside = Path(sys.executable).parent / "sops"
    program = str(beside) if beside.exists() else shutil.which("sops")
    if program is None:
        inconclusive("sops is not installed, so the file can't be tried (`make venv` installs it)")
    with tempfile.TemporaryDirectory(prefix="seatrial-sops-") as folder:
        chosen = key
        if chosen is None:
            chosen = Path(folder) / "other.key"
            chosen.write_text(f"{pyrage.x25519.Identity.generate()}\n")
        # No other key of whoever runs this may help: neither a home folder nor an agent is offered.
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "SOPS_AGE_KEY_FILE": str(chosen),
            "SOPS_DISABLE_VERSION_CHECK": "1",
        }
        return complete((program, "decrypt", str(path)), timeout_seconds=30, env=env, cwd=Path(folder)).ok


@check(
    "SEC-SEC-003",
    title="The age key, .env and rendered secrets are ignored by git, absent from all history, and readable by their owner alone",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="What was committed once stays in every clone for ever.",
    remediation="Add them to .gitignore, chmod 600; what was committed is burnt: rotate it, then rewrite the history.",
    standards=("CWE-540", "OWASP-ASVS 14.3"),
)
def test_keys_are_never_in_git(stack: Stack, evidence: Evidence) -> None:
    private = private_paths(stack)
    repository = Repository.around(stack.declared.folder)
    offences = []
    for path in private:
        place = Where(path, 1) if path.is_file() else None
        offences += [Finding(problem, place) for problem in [others_may_read(path)] if problem]
        for file in sorted(path.rglob("*")) if path.is_dir() else []:
            offences += [
                Finding(problem, Where(file, 1)) for problem in [others_may_read(file)] if problem and file.is_file()
            ]
        if repository is None or not path.is_relative_to(repository.top):
            continue
        if not repository.ignores(path):
            offences.append(Finding(f"{path.relative_to(repository.top)} is not ignored by git", place))
        if repository.tracks(path) or repository.ever_held(path):
            offences.append(Finding(f"{path.relative_to(repository.top)} is, or was, in git", place))
    if repository is not None:
        offences += [Finding(f"commit {commit} holds a private key") for commit in repository.commits_with_keys()]

    there = ", ".join(path.name for path in private if path.exists())
    evidence.declared(
        f"looked at {there or 'no file yet'}; git: {repository.top if repository else 'no repository here'}"
    )
    judge(offences, check="SEC-SEC-003", evidence=evidence, profile=stack.profile)


@check(
    "SEC-SEC-004",
    title="Secrets have at least 128 bits of entropy and none is a default",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="An encrypted store of guessable passwords protects nothing.",
    remediation="No file yet: `make up` makes it. A weak secret: `python -m stack.ops secrets rotate NAME` draws a new one of 190 bits.",
    standards=("NIST SP 800-63B 5.1.1", "CWE-521"),
    static=True,
)
def test_secrets_are_strong(stack: Stack, evidence: Evidence) -> None:
    secrets_file(stack)
    age_key(stack)
    names = stack.profile.secrets.names
    if not names:
        not_applicable(stack.profile.missing("[secrets] names = [...]"))
    offences = []
    for name in names:
        value = stack.secret(name)
        measured = entropy.bits(value)
        if entropy.is_weak(value):
            offences.append(Finding(f"{name} is a well-known word", what=name))
        elif measured < entropy.BITS_EXPECTED:
            offences.append(
                Finding(f"{name} has at most {measured:.0f} bits, expected {entropy.BITS_EXPECTED}", what=name)
            )
        evidence.observed(f"{name}: at most {measured:.0f} bits")
        evidence.measure(f"{name} (upper bound)", round(measured), "bit")

    judge(offences, check="SEC-SEC-004", evidence=evidence, profile=stack.profile)
