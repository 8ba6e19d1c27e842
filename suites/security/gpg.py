"""Runs the operator's own gpg on backups, in a keyring that is made for the question and gone afterwards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.completed import Completed, complete
from stack.errors import CannotTell

SECONDS = 30.0


class Gpg:
    """One empty keyring; closing it ends the agent that gpg starts. CannotTell when gpg is not installed."""

    def __enter__(self) -> Self:
        # gpg's agent needs a short path for its socket, and /tmp has one.
        self._home = tempfile.TemporaryDirectory(prefix="st-gpg-", dir="/tmp")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        complete(("gpgconf", "--homedir", self._home.name, "--kill", "all"), timeout_seconds=SECONDS)
        self._home.cleanup()

    def key_ids(self, public_key: Path) -> frozenset[str]:
        """The ids of a key and its parts that can encrypt.

        Raises:
            CannotTell: the file holds no key.

        """
        done = self._run("--with-colons", "--show-keys", str(public_key))
        rows = [line.split(":") for line in done.stdout.splitlines()]
        found = frozenset(row[4] for row in rows if row[0] in ("pub", "sub") and "e" in row[11])
        if not found:
            raise CannotTell(f"{public_key} holds no key that encrypts: {done.last_words()}")
        return found

    def take(self, private_key: Path, passphrase: str) -> None:
        """Put a private key into the keyring.

        Raises:
            CannotTell: gpg does not take it.

        """
        done = self._run("--passphrase-fd", "0", "--import", str(private_key), stdin=passphrase)
        if not done.ok:
            raise CannotTell(f"{private_key} can't be imported: {done.last_words()}")

    def opens(self, archive: Path, passphrase: str) -> bool:
        """Whether gpg decrypts a file without complaint; what it holds is dropped unseen."""
        return self._run("--passphrase-fd", "0", "--output", os.devnull, "--decrypt", str(archive), stdin=passphrase).ok

    def _run(self, *arguments: str, stdin: str = "") -> Completed:
        argv = ("gpg", "--homedir", self._home.name, "--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback")
        env = {"PATH": os.environ.get("PATH", ""), "HOME": self._home.name, "LC_ALL": "C"}
        return complete((*argv, *arguments), timeout_seconds=SECONDS, env=env, stdin=stdin.encode())
