"""Estimates how hard a secret is to guess, and tells ciphertext from text, by counting."""

from __future__ import annotations

import math
import string
from collections import Counter

BITS_EXPECTED = 128

# The heads of every published list of leaked passwords, and the words set-up guides leave behind.
WEAK = frozenset({
    "password", "passw0rd", "password1", "password123", "123456", "12345678", "123456789", "qwerty", "letmein", "admin", "administrator",
    "root", "toor", "secret", "changeme", "change_me", "default", "test", "guest", "example", "welcome", "iloveyou", "monkey", "dragon",
})  # fmt: skip

SQLITE_MAGIC = b"SQLite format 3\x00"
KNOWN_PLAIN = {
    SQLITE_MAGIC: "a plain SQLite database",
    b"PGDMP": "a PostgreSQL dump",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"-- ": "an SQL dump",
    b"BEGIN TRANSACTION": "an SQL dump",
}
LEAST_BITS_A_BYTE = 7.5
"""4096 random bytes have 7.95 bits a byte on average; text has 4 to 5, machine code about 6, a database page 1 to 5."""


def bits(secret: str) -> float:
    """An upper bound of a secret's entropy: its length times the bits of the alphabet it shows, less its repetition."""
    if not secret:
        return 0.0
    alphabets = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    size = sum(len(alphabet) for alphabet in alphabets if any(letter in alphabet for letter in secret))
    size += 32 if any(letter not in string.ascii_letters + string.digits for letter in secret) else 0
    if all(letter in string.hexdigits for letter in secret):
        size = 16
    distinct = len(set(secret))
    return len(secret) * min(math.log2(size or 1), math.log2(distinct) * 1.25 if distinct > 1 else 0.0)


def is_weak(secret: str) -> bool:
    """Whether a secret is, or only decorates, a well-known one."""
    bare = secret.lower().rstrip("!1234567890")
    return secret.lower() in WEAK or bare in WEAK


def bits_a_byte(data: bytes) -> float:
    """Shannon's entropy of the bytes, 0 to 8."""
    counts = Counter(data)
    return -sum(n / len(data) * math.log2(n / len(data)) for n in counts.values()) if data else 0.0


def why_not_ciphertext(data: bytes) -> str | None:
    """Why the beginning of a file is no ciphertext; None when it looks like one. Give 4096 bytes or more where there are."""
    for magic, name in KNOWN_PLAIN.items():
        if data.startswith(magic):
            return name
    if SQLITE_MAGIC in data:
        return "a plain SQLite header inside"
    measured = bits_a_byte(data)
    # A short sample can't show all 256 values: expect what a random one of its length shows, less a margin.
    expected = min(LEAST_BITS_A_BYTE, math.log2(max(len(data), 2)) * 0.85)
    return f"{measured:.2f} bits a byte, ciphertext has {expected:.2f} or more" if measured < expected else None


def is_text(data: bytes) -> bool:
    """Whether bytes are text one could read: printable, in UTF-8, and not empty."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(letter.isprintable() or letter.isspace() for letter in text)


WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
WAL_MAGIC = (0x377F0682, 0x377F0683)


def wal_pages(data: bytes) -> bytes:
    """The page contents of a write-ahead log, its own plain headers left out (https://sqlite.org/fileformat2.html#walformat)."""
    if len(data) < WAL_HEADER_BYTES or int.from_bytes(data[:4], "big") not in WAL_MAGIC:
        return data
    size = int.from_bytes(data[8:12], "big") or 4096
    pages = bytearray()
    position = WAL_HEADER_BYTES
    while position + FRAME_HEADER_BYTES + size <= len(data):
        pages += data[position + FRAME_HEADER_BYTES : position + FRAME_HEADER_BYTES + size]
        position += FRAME_HEADER_BYTES + size
    return bytes(pages)
