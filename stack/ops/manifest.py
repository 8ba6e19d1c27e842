"""What a backup says of itself, and how that is proved: sizes, checksums, counts, and a seal only the data's owner can make.

The backup services hold no private key, so they can't sign with OpenPGP. The seal is an HMAC under a key derived from
the secret of the very data that was backed up: whoever can read that data can make it, and nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stack.ops import PROGRAM_VERSION
from stack.ops.command import Refused

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """The facts of one backup; the file stands beside the archive and is written after it, as the last act."""

    archive: str
    """File name of the encrypted archive, without a folder."""
    kind: str
    """`database`, or `wallet-<id>`."""
    trigger: str
    """What asked for it: `full`, `snapshot`, `start` or `manual`."""
    made_at: str
    """When the copy was begun, ISO 8601 in UTC: what was acknowledged before it is in it."""
    archive_bytes: int
    archive_sha256: str
    content_bytes: int
    content_sha256: str
    """Of what is inside the encryption."""
    content: Mapping[str, Any]
    """For a database: rows by table, highest_sequence, schema_version, cipher_version; for a wallet: the
    SHA-256 of each file by name, of its address (address_sha256), and the height it had seen."""
    fingerprint: str
    """Of the OpenPGP key it is encrypted to."""
    program_version: str = PROGRAM_VERSION
    format: int = FORMAT
    seal: str = ""


def sealed(manifest: Manifest, secret: str) -> Manifest:
    """Return `manifest` with the seal that `secret` gives it."""
    return Manifest(**{**asdict(manifest), "seal": _seal(manifest, secret)})


def require_seal(manifest: Manifest, secret: str) -> None:
    """Refuse a manifest that was not sealed with `secret`, or that was changed since.

    Raises:
        Refused: always with the archive's name.

    """
    if not hmac.compare_digest(manifest.seal, _seal(manifest, secret)):
        raise Refused(
            f"{manifest.archive}: its manifest was changed, or the backup is of other data than this secret opens"
        )


def _seal(manifest: Manifest, secret: str) -> str:
    key = hmac.new(secret.encode(), b"seatrial backup manifest", hashlib.sha256).digest()
    facts = {name: value for name, value in asdict(manifest).items() if name != "seal"}
    return hmac.new(key, json.dumps(facts, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def write(manifest: Manifest, path: Path) -> None:
    """Write the manifest as JSON, readable by its owner alone."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        Refused: it is missing, malformed, or of a format this version does not know.

    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.get("format") != FORMAT:
            raise Refused(f"{path.name}: is of format {facts.get('format')!r}, and this version reads format {FORMAT}")
        manifest = Manifest(**facts)
    except FileNotFoundError as error:
        raise Refused(f"{path.name}: there is no such manifest, so the backup can't be trusted") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{path.name}: is no manifest of a backup ({error})") from error
    if Path(manifest.archive).name != manifest.archive:
        raise Refused(f"{path.name}: names an archive outside its folder ({manifest.archive!r})")
    return manifest


def require_archive(manifest: Manifest, folder: Path) -> Path:
    """Check the archive against its manifest, reading it once, and return its path.

    Raises:
        Refused: it is missing, shorter or longer than stated, or its bytes are not those stated.

    """
    archive = folder / manifest.archive
    if not archive.is_file():
        raise Refused(f"{manifest.archive}: the archive is missing")
    size = archive.stat().st_size
    if size != manifest.archive_bytes:
        word = "truncated" if size < manifest.archive_bytes else "longer than stated"
        raise Refused(f"{manifest.archive}: is {word} ({size} bytes, expected {manifest.archive_bytes})")
    if sha256(archive) != manifest.archive_sha256:
        raise Refused(f"{manifest.archive}: was changed since it was made (its SHA-256 is not its manifest's)")
    return archive


def sha256(path: Path) -> str:
    """Hash a file of any size in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
