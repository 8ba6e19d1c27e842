"""Judges how a password is stored by the hash's own text: memory-hard, with parameters of OWASP's Password Storage cheat sheet."""

from __future__ import annotations

import re

# argon2id: at least one of these pairs of memory (KiB) and passes; scrypt: N·r of 128 MiB, or its listed equals.
ARGON2ID = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))
SCRYPT_LEAST_LOG_N = {1: 17, 2: 16, 3: 15, 5: 14, 10: 13}

_ARGON = re.compile(r"^\$argon2(id|i|d)\$v=\d+\$m=(\d+),t=(\d+),p=(\d+)\$")
_SCRYPT = (re.compile(r"^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$"), re.compile(r"^scrypt:(\d+):(\d+):(\d+)\$"))
_FAST = (
    (re.compile(r"^\$2[abxy]\$"), "bcrypt, which needs no memory"),
    (re.compile(r"^(?:pbkdf2|\$pbkdf2)"), "PBKDF2, which needs no memory"),
    (re.compile(r"^\$[156]\$"), "a crypt(3) hash, which needs no memory"),
    (re.compile(r"^[0-9a-f]{32}$|^[0-9a-f]{40}$|^[0-9a-f]{64}$|^[0-9a-f]{128}$", re.IGNORECASE), "a bare digest"),
)


def problem(stored: str) -> str | None:
    """Why a stored password is cheap to guess; None when it is a memory-hard hash with enough memory."""
    argon = _ARGON.match(stored)
    if argon:
        kind, memory, passes = argon.group(1), int(argon.group(2)), int(argon.group(3))
        if kind != "id":
            return f"argon2{kind}, expected argon2id"
        enough = any(memory >= least and passes >= times for least, times in ARGON2ID)
        return (
            None if enough else f"argon2id with {memory} KiB and {passes} passes, expected 19456 KiB and 2 or the like"
        )
    for pattern in _SCRYPT:
        scrypt = pattern.match(stored)
        if scrypt:
            first, _, lanes = (int(number) for number in scrypt.groups())
            log_n = first if first < 64 else first.bit_length() - 1
            least = min(log for p, log in SCRYPT_LEAST_LOG_N.items() if lanes >= p)
            return None if log_n >= least else f"scrypt with N=2^{log_n}, expected 2^{least} for p={lanes}"
    return next(
        (kind for pattern, kind in _FAST if pattern.match(stored)),
        "no known password hash, perhaps the password itself",
    )
