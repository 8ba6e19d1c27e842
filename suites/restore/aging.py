"""Lets the operator's own backup key expire, or revokes it, in a keyring that is gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stack.errors import CannotTell
from stack.ops.one_shot import Handover
from stack.ops.openpgp import AGENT_SETTINGS
from stack.waiting import eventually

_REVOKE = "y\n0\n\ny\n"  # really, for no stated reason, no description, sure
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Aged:
    """Both halves of a key that is no longer good, armored."""

    public: str
    private: str


def expired(keys: Handover) -> Aged:
    """The key with both its parts expired a moment ago. Raises CannotTell when gpg does not do it."""
    with contextlib.ExitStack() as undo:
        home, fingerprint = _imported(keys, undo)
        for parts in ((), ("*",)):
            _gpg(home, keys, ["--quick-set-expire", fingerprint, "seconds=1", *parts])
        eventually(
            lambda: ":e:" in _gpg(home, keys, ["--with-colons", "--list-keys", fingerprint]).split("\n", 2)[1],
            within=timedelta(seconds=30),
            every=timedelta(seconds=0.2),
            what="the key has expired",
        )
        return _exported(home, keys, fingerprint)


def revoked(keys: Handover) -> Aged:
    """The key with a revocation on it. Raises CannotTell when gpg does not do it."""
    with contextlib.ExitStack() as undo:
        home, fingerprint = _imported(keys, undo)
        certificate = _gpg(home, keys, ["--command-fd", "0", "--gen-revoke", fingerprint], said=_REVOKE)
        _gpg(home, keys, ["--import"], said=certificate)
        return _exported(home, keys, fingerprint)


def _imported(keys: Handover, undo: contextlib.ExitStack) -> tuple[str, str]:
    home = tempfile.mkdtemp(prefix="gpg-")
    undo.callback(shutil.rmtree, home, ignore_errors=True)
    undo.callback(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    Path(home, "gpg-agent.conf").write_text(AGENT_SETTINGS, encoding="ascii")
    _gpg(home, keys, ["--batch", "--import"], said=keys.private_key)
    listed = _gpg(home, keys, ["--with-colons", "--list-keys"])
    return home, next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def _exported(home: str, keys: Handover, fingerprint: str) -> Aged:
    public = _gpg(home, keys, ["--batch", "--armor", "--export", fingerprint])
    return Aged(public, _gpg(home, keys, ["--batch", "--armor", "--export-secret-keys", fingerprint]))


def _gpg(home: str, keys: Handover, argv: Sequence[str], *, said: str = "") -> str:
    """Run gpg with the passphrase; what it reads comes on standard input, the passphrase on a descriptor of its own."""
    with tempfile.TemporaryFile() as passphrase:
        passphrase.write(keys.passphrase.encode())
        passphrase.seek(0)
        descriptor = passphrase.fileno()
        command = ["gpg", "--homedir", home, "--no-tty", "--yes", "--pinentry-mode", "loopback"]
        command += ["--passphrase-fd", str(descriptor), *argv]
        try:
            done = subprocess.run(
                command, input=said, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS,
                pass_fds=(descriptor,),
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotTell(f"gpg could not be run here: {error}") from error
    if done.returncode != 0:
        raise CannotTell(f"gpg {argv[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
