"""Makes a private key that is not the backup's, with the same passphrase, so that only the key makes the difference."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import gnupg

from stack.errors import CannotTell
from stack.ops.openpgp import AGENT_SETTINGS


@functools.cache
def other_private_key(passphrase: str) -> str:
    """An armored private key; made once a session.

    Raises:
        CannotTell: there is no gpg on this machine.

    """
    home = tempfile.mkdtemp(prefix="gpg-")
    try:
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, home, ignore_errors=True)
            Path(home, "gpg-agent.conf").write_text(AGENT_SETTINGS, encoding="ascii")
            gpg = gnupg.GPG(gnupghome=home, options=["--pinentry-mode", "loopback"])
            undo.callback(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"], check=False)
            # it only has to be another key, and an RSA one of any length takes seconds to make
            wanted = gpg.gen_key_input(
                key_type="EDDSA", key_curve="ed25519", subkey_type="ECDH", subkey_curve="cv25519",
                name_real="Another", name_email="another@seatrial.test", passphrase=passphrase,
            )  # fmt: skip
            made = gpg.gen_key(wanted)
            return str(gpg.export_keys(made.fingerprint, secret=True, passphrase=passphrase))
    except OSError as error:
        raise CannotTell("gpg is not on this machine, so no other key can be made") from error
