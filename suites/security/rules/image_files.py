"""Judges the files of an image by path, mode and first bytes: what no image that runs should carry."""

from __future__ import annotations

import re
import stat

from suites.security.rules import openpgp, secret_values

HEAD_BYTES = 65_536

# What package managers and people leave behind.
_LEFT_BEHIND = (
    (re.compile(r"^/var/cache/apt/archives/.*\.deb$|^/var/cache/apt/(?:src)?pkgcache\.bin$"), "a package cache"),
    (re.compile(r"^/var/lib/apt/lists/[^/]+_(?:Packages|Sources|InRelease|Release)"), "a package cache"),
    (re.compile(r"^/var/cache/(?:apk|yum|dnf)/."), "a package cache"),
    (re.compile(r"^/(?:root|home/[^/]+)/\.cache/(?:pip|uv|go-build|yarn)/|^/(?:root|home/[^/]+)/\.npm/_cacache/"), "a package cache"),
    (re.compile(r"^/(?:root|home/[^/]+)/\.(?:bash|ash|sh|zsh|python|mysql|psql|sqlite)_history$"), "a shell's history"),
    (
        re.compile(r"^(?:/usr)?(?:/local)?/bin/(?:[a-z0-9_]+-linux-[a-z]+-)?(?:gcc|g\+\+|cc|c\+\+|clang|tcc|rustc|cargo)(?:-\d+)?$"),
        "a compiler",
    ),
    (re.compile(r"^/usr/(?:local|lib)/go[\d.-]*/bin/go$"), "a compiler"),
)  # fmt: skip

# Program files of packages: their test keys and examples are public, and nobody's secret is among them.
_PROGRAMS = re.compile(
    r"^(?:/usr)?/(?:s?bin|lib\w*|libexec|include|share)/|^/var/lib/(?:dpkg|apt)/|/(?:dist|site)-packages/"
)


def left_behind(path: str) -> str | None:
    """What a file is that only building needed; None when it is none."""
    return next((kind for pattern, kind in _LEFT_BEHIND if pattern.search(path)), None)


def gives_privileges(mode: int) -> bool:
    """Whether running the file gives the rights of its owner or group (setuid, or setgid on something that can run)."""
    return bool(mode & stat.S_ISUID) or bool(mode & stat.S_ISGID and mode & stat.S_IXGRP)


def may_hold_a_secret(path: str) -> bool:
    """Whether a file's content is worth reading: it is no program file of a package."""
    return not _PROGRAMS.search(path)


def secret_in(path: str, head: bytes) -> str | None:
    """What kind of secret a file's first bytes are; None when they are none."""
    if openpgp.holds_private_key(head):
        return "an OpenPGP private key"
    text = head.decode(errors="replace")
    form = secret_values.form_of(text)
    # `password=…` inside a longer text is told of settings; in a program it is an argument.
    if form is not None and form != secret_values.INSIDE:
        return form
    name = path.rpartition("/")[2]
    if name == ".env" or name.startswith(".env.") or name.endswith(".env"):
        found = secret_values.in_env_file(text, placeholders=True)
        return f"{found[0][1]}, {found[0][2]}" if found else None
    return None
