"""Encrypts backups to the public key and decrypts them with the private one, with real gpg in a keyring of its own.

A fresh keyring for each use: what is in the operator's own keyring can neither help nor hurt, and none is left.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import UserError
from stack.ops.command import Refused

if TYPE_CHECKING:
    import gnupg

KEY_BITS = 4096
# The most that OpenPGP can say (RFC 4880, 3.7.1.3), which is what the operator's private key is locked with. Where no
# number is set, each new agent measures this machine for a second first and locks its own copy with what it found.
AGENT_SETTINGS = "s2k-count 65011712\n"
RSA = "1"  # OpenPGP's number of the algorithm (RFC 9580, 9.1)


@contextlib.contextmanager
def keyring(armored_key: str, *, named: str) -> Iterator[Keyring]:
    """Give a keyring that holds the one key written in `armored_key`; it is gone after the block.

    `named` is where the key came from, for messages.

    Raises:
        UserError: the text holds no OpenPGP key.

    """
    import gnupg

    # not under the backups' folder: gpg's agent needs a short path for its socket
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    (home / "gpg-agent.conf").write_text(AGENT_SETTINGS, encoding="ascii")
    try:
        gpg = gnupg.GPG(
            gnupghome=str(home),
            options=["--pinentry-mode", "loopback", "--no-auto-key-retrieve"],
            env={**os.environ, "LC_ALL": "C"},  # its words are read below
        )
        imported = gpg.import_keys(armored_key)
        if not imported.fingerprints:
            raise UserError(f"{named}: holds no OpenPGP key")
        yield Keyring(gpg, imported.fingerprints[0], named)
    finally:
        # the agent that gpg starts for private keys would outlive us otherwise
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


class Keyring:
    """One key, and what backups do with it; data streams through gpg, so memory does not grow with its size."""

    def __init__(self, gpg: gnupg.GPG, fingerprint: str, source: str) -> None:
        self._gpg = gpg
        self.fingerprint = fingerprint
        self._source = source

    def require_strong_and_valid(self) -> None:
        """Refuse a key that backups must not be encrypted to.

        Raises:
            Refused: the key is expired or revoked, or it is not RSA-4096 (SEC-BAK-001) in its encrypting part.

        """
        key = next(key for key in self._gpg.list_keys() if key["fingerprint"] == self.fingerprint)
        if key["trust"] in {"e", "r"}:
            why = "has expired" if key["trust"] == "e" else "was revoked"
            raise Refused(f"{self._source}: the backup key {self.fingerprint} {why}, so no backup is made with it")
        encrypting = [part for part in self._parts(key) if "e" in part["cap"] and part["trust"] not in {"e", "r"}]
        if not encrypting:
            raise Refused(f"{self._source}: the backup key {self.fingerprint} has no valid part that encrypts")
        weak = [part for part in encrypting if part["algo"] != RSA or int(part["length"]) < KEY_BITS]
        if weak:
            raise Refused(
                f"{self._source}: the backup key encrypts with algorithm {weak[0]['algo']} at {weak[0]['length']} bits,"
                f" expected RSA with {KEY_BITS}"
            )

    @staticmethod
    def _parts(key: dict[str, Any]) -> list[dict[str, Any]]:
        own = [info for info in key.get("subkey_info", {}).values()]
        return [{**key, "cap": key["cap"].lower() if not own else re.sub("[A-Z]", "", key["cap"])}, *own]

    def encrypt(self, plain: Path, into: Path) -> None:
        """Encrypt the file `plain` to this key, into a new file.

        Raises:
            Refused: gpg did not (the message has its last words).

        """
        with plain.open("rb") as stream:
            result = self._gpg.encrypt_file(
                stream,
                self.fingerprint,
                armor=False,
                always_trust=True,  # the key was handed to us as the backup key: there is no web of trust to ask
                output=str(into),
                # what we store is ciphertext or compressed already; compressing again only costs time
                extra_args=["--compress-algo", "none", "--cipher-algo", "AES256"],
            )
        if not result.ok:
            raise Refused(f"{plain.name}: gpg did not encrypt it to {self.fingerprint} ({last_words(result)})")

    def decrypt(self, archive: Path, into: Path, *, passphrase: str) -> None:
        """Decrypt `archive` into a new file; gpg's own integrity protection is required to hold to the last byte.

        Raises:
            Refused: no private key for it here, a wrong passphrase, or an archive that was cut or changed.

        """
        with archive.open("rb") as stream:
            result = self._gpg.decrypt_file(
                stream, passphrase=passphrase, output=str(into), always_trust=True, extra_args=["--no-symkey-cache"]
            )
        if not result.ok:
            into.unlink(missing_ok=True)
            raise Refused(f"{archive.name}: {self._why_not(result)}")

    def _why_not(self, result: Any) -> str:
        said = str(result.stderr)
        # first, since gpg says "no secret key" of a locked one too
        if "Bad passphrase" in said or "No passphrase" in said:
            return f"the passphrase does not open the private key {self.fingerprint}"
        if "No secret key" in said or "NO_SECKEY" in said:
            return f"it is not encrypted to the key {self.fingerprint}, so that key can't open it"
        return f"it was truncated or changed, or is no OpenPGP file ({last_words(result)})"


def last_words(result: Any) -> str:
    """Give gpg's last line for people, without its own prefix."""
    lines = [line for line in str(result.stderr).splitlines() if line.startswith("gpg: ")]
    return lines[-1].removeprefix("gpg: ") if lines else str(result.status or "it said nothing")
