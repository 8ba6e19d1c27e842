"""Makes the key pair that backups are encrypted to: the stack holds the public half, the operator alone the private one."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from stack.errors import UserError
from stack.files import private_folder, write_whole

USER_ID = "Seatrial backups <backup@market.seatrial.test>"

# RSA-4096 for both halves is what SEC-BAK-001 asks for. No expiry by itself: an expired key is a drill of its own (RST-DB-008).
_RECIPE = f"""\
Key-Type: RSA
Key-Length: 4096
Key-Usage: sign
Subkey-Type: RSA
Subkey-Length: 4096
Subkey-Usage: encrypt
Name-Real: {USER_ID.split(" <")[0]}
Name-Email: {USER_ID.split("<")[1].rstrip(">")}
Expire-Date: 2y
%commit
"""


def public(root: Path) -> Path:
    """Where the public half is, readable by the backup services."""
    return root / "stack" / "backup-gpg-key.asc"


def private(root: Path) -> Path:
    """Where the private half is, locked with BACKUP_GPG_PASSPHRASE, in the operator's folder."""
    return root / ".operator" / "backup-private-key.asc"


def exists(root: Path) -> bool:
    """Whether both halves are there; raises `UserError` when only one is: a new pair would orphan old backups."""
    have = {path: path.exists() for path in (public(root), private(root))}
    if all(have.values()):
        return True
    if any(have.values()):
        there = next(path for path, is_there in have.items() if is_there)
        gone = next(path for path, is_there in have.items() if not is_there)
        message = f"{there} is there but its other half {gone} is not: put it back, or remove both to begin with a new pair"
        raise UserError(message)
    return False


def make(root: Path, *, passphrase: str) -> None:
    """Make a new pair (RSA-4096, two to ten seconds) in a key ring that is gone afterwards."""
    private_folder(private(root).parent)
    with tempfile.TemporaryDirectory(prefix="seatrial-gpg-") as home:  # made 0700
        try:
            recipe = Path(home) / "recipe"
            recipe.write_text(_RECIPE)
            _gpg(home, ["--generate-key", str(recipe)], passphrase)
            secret = _gpg(home, ["--armor", "--export-secret-keys", USER_ID], passphrase)
            shared = _gpg(home, ["--armor", "--export", USER_ID], passphrase)
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True, timeout=10)
    write_whole(private(root), secret, mode=0o400)
    write_whole(public(root), shared, mode=0o644)


def _gpg(home: str, argv: list[str], passphrase: str) -> str:
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase-fd", "0", *argv]
    try:
        done = subprocess.run(command, input=passphrase, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        message = "gpg is not installed: install the package gnupg"
        raise UserError(message) from None
    if done.returncode != 0:
        message = f"gpg could not make the backup key: {' '.join(done.stderr.split())[-300:]}"
        raise UserError(message)
    return done.stdout
