"""Makes a private key that is not the backup's, with the same passphrase, so that only the key makes the difference."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import tempfile

import gnupg

from stack.errors import CannotTell

BITS = 2048  # it only has to be another key; RSA-4096 takes ten seconds to make


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
            gpg = gnupg.GPG(gnupghome=home, options=["--pinentry-mode", "loopback"])
            undo.callback(subprocess.run, ["gpgconf", "--homedir", home, "--kill", "all"], check=False)
            wanted = gpg.gen_key_input(
                key_type="RSA", key_length=BITS, subkey_type="RSA", subkey_length=BITS,
                name_real="Another", name_email="another@seatrial.test", passphrase=passphrase,
            )  # fmt: skip
            made = gpg.gen_key(wanted)
            return str(gpg.export_keys(made.fingerprint, secret=True, passphrase=passphrase))
    except OSError as error:
        raise CannotTell("gpg is not on this machine, so no other key can be made") from error
