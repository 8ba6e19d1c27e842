"""Reads the outside of an OpenPGP message: whom it is encrypted to, and whether a change would be noticed (RFC 9580).

Nothing is decrypted and no key is needed, so that backups can be judged where the private key must not be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ARMOR = b"-----BEGIN PGP MESSAGE-----"
PRIVATE_ARMOR = b"-----BEGIN PGP PRIVATE KEY BLOCK-----"
PUBLIC_KEY_SESSION, SYMMETRIC_SESSION, UNPROTECTED, PROTECTED, AEAD = 1, 3, 9, 18, 20
RSA = (1, 2)
LEAST_BITS = 4096
# A number as long as the modulus is a few bits shorter once in a while: more than 64 bits less is another modulus.
SLACK_BITS = 64


@dataclass(frozen=True)
class Recipient:
    """One key a message is encrypted to; `bits` is the length of the encrypted session key, as long as an RSA modulus."""

    key_id: str
    algorithm: int
    bits: int


@dataclass(frozen=True)
class Message:
    """The outside of a message: its recipients, whether a passphrase opens it too, and how its content is protected."""

    recipients: tuple[Recipient, ...]
    has_passphrase: bool
    content: int | None


def read(data: bytes) -> Message:
    """The packets up to the content of a message; give its first 64 KiB. What is no OpenPGP has no recipient and no content."""
    recipients: list[Recipient] = []
    has_passphrase = False
    for tag, body in _packets(data):
        if tag == PUBLIC_KEY_SESSION and len(body) > 12 and body[0] == 3:
            recipients.append(Recipient(body[1:9].hex().upper(), body[9], int.from_bytes(body[10:12], "big")))
        elif tag == SYMMETRIC_SESSION:
            has_passphrase = True
        elif tag in (UNPROTECTED, PROTECTED, AEAD):
            return Message(tuple(recipients), has_passphrase, tag)
        elif tag != PUBLIC_KEY_SESSION:
            return Message(tuple(recipients), has_passphrase, None)
    return Message(tuple(recipients), has_passphrase, None)


def problems(message: Message, allowed: frozenset[str]) -> list[str]:
    """Why a message is not encrypted to an RSA-4096 key that is `allowed` (key ids; empty: any), and to it alone."""
    if message.content is None or not (message.recipients or message.has_passphrase):
        return ["it is not OpenPGP-encrypted"]
    found = []
    if message.content == UNPROTECTED:
        found.append("a change in it would not be noticed (no integrity protection)")
    if message.has_passphrase:
        found.append("a passphrase opens it")
    for one in message.recipients:
        if one.algorithm not in RSA:
            found.append(f"it is encrypted to {one.key_id} by algorithm {one.algorithm}, expected RSA")
        elif one.bits < LEAST_BITS - SLACK_BITS:
            found.append(f"it is encrypted to {one.key_id}, RSA of about {one.bits} bits, expected {LEAST_BITS}")
        elif allowed and one.key_id not in allowed:
            found.append(f"it is encrypted to {one.key_id}, which is not the backup key")
    return found


def holds_private_key(data: bytes) -> bool:
    """Whether a file's beginning is an OpenPGP private key, in armor or as packets (tags 5 and 7)."""
    if PRIVATE_ARMOR in data:
        return True
    tag, body = next(_packets(data), (0, b""))
    return tag in (5, 7) and len(body) > 6 and body[0] in (4, 5, 6)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 2 <= len(data) and data[position] & 0x80:
        first = data[position]
        if first & 0x40:
            tag, (size, width) = first & 0x3F, _new_length(data[position + 1 : position + 6])
        else:
            tag = first >> 2 & 0x0F
            width = (1, 2, 4, 0)[first & 3]
            size = int.from_bytes(data[position + 1 : position + 1 + width], "big") if width else len(data)
        begin = position + 1 + width
        yield tag, data[begin : begin + size]
        position = begin + size


def _new_length(data: bytes) -> tuple[int, int]:
    """A length of the new format and how many bytes it took; of a partial one only the first piece (RFC 9580, 4.2.1)."""
    if not data:
        return 0, 0
    if data[0] < 192:
        return data[0], 1
    if data[0] < 224 and len(data) > 1:
        return ((data[0] - 192) << 8) + data[1] + 192, 2
    if data[0] == 255:
        return int.from_bytes(data[1:5], "big"), 5
    return 1 << (data[0] & 0x1F), 1
