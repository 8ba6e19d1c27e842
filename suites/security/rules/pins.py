"""Judges where images come from: a name that somebody else can move is not a version."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from suites.security.rules.health import logical_lines

MOVING_TAGS = frozenset(
    {"latest", "stable", "edge", "main", "master", "dev", "nightly", "mainline", "lts", "current", "rolling", "testing"}
)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
# The grammar of the reference that engines take (github.com/distribution/reference, reference.go).
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}}|@sha512:[0-9a-f]{{128}})?"
)


@dataclass(frozen=True)
class Reference:
    """An image's name in parts: `registry/path`, tag (empty: none) and whether a digest is given."""

    name: str
    tag: str
    has_digest: bool


def parse(reference: str) -> Reference:
    """Takes `registry:5000/path:tag@sha256:…` apart."""
    bare, _, digest = reference.partition("@")
    head, slash, last = bare.rpartition("/")
    leaf, _, tag = last.partition(":")
    return Reference(f"{head}{slash}{leaf}", tag, bool(digest) and bool(_DIGEST.search(reference)))


def image_problem(reference: str) -> str | None:
    """Why a pulled image is not pinned; None when it is, by digest."""
    if not _REFERENCE.fullmatch(reference):
        return f"{reference!r} is no valid image reference: no engine can pull it"
    image = parse(reference)
    if image.has_digest:
        return None
    if not image.tag or image.tag in MOVING_TAGS:
        return f"image {reference} is {'latest by default' if not image.tag else image.tag}: it changes without a word"
    return f"image {reference} is pinned by a tag, which can be moved: give its @sha256 digest"


def base_problems(dockerfile: str, built_here: Collection[str]) -> list[tuple[int, str]]:
    """The (line, problem) of each base image that is neither pinned by digest nor built here.

    `built_here` are names of images this project builds itself (the tag aside); `scratch`, earlier stages and arguments
    with a pinned default are fine.
    """
    stages: set[str] = set()
    arguments: dict[str, str] = {}
    problems = []
    for line in logical_lines(dockerfile):
        word, _, rest = line.partition(" ")
        if word.upper() == "ARG" and "=" in rest:
            name, _, value = rest.strip().partition("=")
            arguments[name] = value.strip("'\"")
        if word.upper() != "FROM":
            continue
        words = [part for part in rest.split() if not part.startswith("--")]
        base = (
            re.sub(r"\$\{?(\w+)(?::?-([^}]*))?\}?", lambda m: arguments.get(m[1], m[2] or ""), words[0])
            if words
            else ""
        )
        known = base == "scratch" or base in stages or parse(base).name in built_here
        if base and not known and (problem := image_problem(base.rstrip(":"))):
            problems.append((line_of(dockerfile, words[0]), problem))
        if len(words) >= 3 and words[1].lower() == "as":
            stages.add(words[2])
    return problems


def line_of(text: str, needle: str) -> int:
    """The first line (from 1) of a FROM that holds `needle`; 1 when there is none."""
    for number, line in enumerate(text.splitlines(), start=1):
        if needle in line and line.lstrip().upper().startswith("FROM"):
            return number
    return 1


def fetch_problems(dockerfile: str) -> list[tuple[int, str]]:
    """The (line, problem) of each instruction that brings in something unverified."""
    problems = []
    for instruction in logical_lines(dockerfile):
        word, _, rest = instruction.partition(" ")
        if word.upper() == "ADD" and re.search(r"(?:^|\s)https?://", rest) and "--checksum=" not in rest:
            problems.append((_line_with(dockerfile, "ADD"), "ADD of a URL without --checksum"))
        elif word.upper() == "RUN" and re.search(r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|da|z|a)?sh\b", rest):
            problems.append((_line_with(dockerfile, "RUN", "curl", "wget"), "a download is piped into a shell"))
        elif word.upper() == "RUN" and re.search(r"\bsh\s+-c\s+[\"']?\$\((?:curl|wget)\b", rest):
            problems.append((_line_with(dockerfile, "RUN", "curl", "wget"), "a download is run by a shell"))
        elif word.upper() == "RUN" and re.search(
            r"\b(?:curl\s+(?:-\S*k\b|.*--insecure)|wget\s+.*--no-check-certificate)", rest
        ):
            problems.append(
                (_line_with(dockerfile, "RUN", "curl", "wget"), "a download without certificate verification")
            )
    return problems


def _line_with(text: str, *words: str) -> int:
    lines = text.splitlines()
    for word in reversed(words):
        for number, line in enumerate(lines, start=1):
            if word in line and not line.lstrip().startswith("#"):
                return number
    return 1


def user_problem(user: str) -> str | None:
    """Why an image's user is not numeric and other than root; None when it is."""
    name = user.partition(":")[0]
    if not name:
        return "the image names no user, so it runs as root"
    if not name.isdigit():
        return f"the image's user is the name {name}, expected a number"
    return "the image's user is 0" if int(name) == 0 else None
