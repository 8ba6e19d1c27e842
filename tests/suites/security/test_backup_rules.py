"""Why: what protects a backup is read off its bytes without a key, so real gpg makes each kind, good and bad."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.completed import complete
from suites.security import private_keys
from suites.security.gpg import Gpg
from suites.security.rules import openpgp

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A keyring with an RSA-2048 and an elliptic-curve key."""
    with tempfile.TemporaryDirectory(prefix="st-gpg-", dir="/tmp") as made:
        for name, kind in (("short", "rsa2048"), ("curve", "cv25519")):
            if name == "short":
                gpg(Path(made), "--quick-generate-key", name, kind, "sign,encrypt", "never")
            else:
                gpg(Path(made), "--quick-generate-key", name, "ed25519", "sign", "never")
                fingerprint = (
                    gpg(Path(made), "--with-colons", "--list-keys", name).split("fpr:::::::::")[1].split(":")[0]
                )
                gpg(Path(made), "--quick-add-key", fingerprint, kind, "encr", "never")
        yield Path(made)
        complete(("gpgconf", "--homedir", made, "--kill", "all"), timeout_seconds=10)


def gpg(home: Path, *arguments: str) -> str:
    argv = ("gpg", "--homedir", str(home), "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")
    done = complete((*argv, "--trust-model", "always", *arguments), timeout_seconds=60)
    assert done.ok, done.stderr
    return done.stdout


def message(home: Path, *arguments: str) -> bytes:
    plain, out = home / "plain", home / "out.gpg"
    plain.write_text("rows\n" * 2000)
    gpg(home, "--output", str(out), *arguments, str(plain))
    return out.read_bytes()


def test_a_short_key_and_a_curve_are_not_rsa_4096(home: Path) -> None:
    short = openpgp.problems(openpgp.read(message(home, "-r", "short", "--encrypt")), frozenset())
    curve = openpgp.problems(openpgp.read(message(home, "-r", "curve", "--encrypt")), frozenset())

    assert len(short) == 1 and "expected 4096" in short[0]
    assert len(curve) == 1 and "expected RSA" in curve[0]


def test_a_passphrase_beside_the_key_is_found(home: Path) -> None:
    found = openpgp.problems(
        openpgp.read(message(home, "--passphrase", "x", "-r", "short", "--encrypt", "--symmetric")), frozenset()
    )

    assert "a passphrase opens it" in found


def test_what_is_not_encrypted_is_found(home: Path) -> None:
    assert openpgp.problems(openpgp.read(message(home, "--store")), frozenset()) == ["it is not OpenPGP-encrypted"]
    assert openpgp.problems(openpgp.read(b"-- an SQL dump"), frozenset()) == ["it is not OpenPGP-encrypted"]


def protected(bits: int = 4096, key_id: str = "AB" * 8, content: int = openpgp.PROTECTED) -> openpgp.Message:
    return openpgp.Message((openpgp.Recipient(key_id, 1, bits),), has_passphrase=False, content=content)


def test_rsa_4096_to_the_backup_key_alone_is_good() -> None:
    assert openpgp.problems(protected(bits=4090), frozenset({"AB" * 8})) == []
    assert openpgp.problems(protected(key_id="CD" * 8), frozenset({"AB" * 8}))
    assert openpgp.problems(protected(content=openpgp.UNPROTECTED), frozenset())


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_stumble(data: bytes) -> None:
    openpgp.problems(openpgp.read(data), frozenset())
    openpgp.holds_private_key(data)


def test_private_keys_are_found_by_content_armored_and_not(home: Path, tmp_path: Path) -> None:
    gpg(home, "--output", str(tmp_path / "notes.txt"), "--armor", "--export-secret-keys", "short")
    gpg(home, "--output", str(tmp_path / "blob"), "--export-secret-keys", "short")
    gpg(home, "--output", str(tmp_path / "public.asc"), "--armor", "--export", "short")

    assert {path.name for path in private_keys.below(tmp_path)} == {"notes.txt", "blob"}


def test_gpg_names_the_parts_that_encrypt(home: Path, tmp_path: Path) -> None:
    gpg(home, "--output", str(tmp_path / "public.asc"), "--armor", "--export", "curve")
    to = openpgp.read(message(home, "-r", "curve", "--encrypt")).recipients[0].key_id

    with Gpg() as ours:
        assert ours.key_ids(tmp_path / "public.asc") == {to}


@pytest.mark.parametrize(
    ("folder", "file", "uid", "readable"),
    [(0o755, 0o644, 1000, True), (0o700, 0o644, 1000, False), (0o755, 0o600, 1000, False), (0o700, 0o600, 0, True)],
)
def test_a_mounted_key_counts_where_it_can_be_read(
    tmp_path: Path, folder: int, file: int, uid: int, readable: bool
) -> None:
    top = tmp_path / "top"
    (top / "in").mkdir(parents=True)
    key = top / "in" / "key.asc"
    key.write_text("x")
    top.chmod(0o755)
    key.parent.chmod(folder)
    key.chmod(file)

    assert private_keys.readable(key, top, uid) is readable
