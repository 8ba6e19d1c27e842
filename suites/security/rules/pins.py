"""Judges where images come from: a name that somebody else can move is not a version."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from suites.security.rules.dockerfile import Instruction, instructions

MOVING_TAGS = frozenset(
    {"latest", "stable", "edge", "main", "master", "dev", "nightly", "mainline", "lts", "current", "rolling", "testing"}
)
_HOW = {"FROM": "FROM", "COPY": "COPY --from", "RUN": "RUN --mount"}
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


def base_problems(
    dockerfile: str,
    built_here: Collection[str],
    arguments: Mapping[str, str] | None = None,
    contexts: Mapping[str, str] | None = None,
) -> list[tuple[int, str]]:
    """The (line, problem) of each image that is built on or copied from and is neither pinned by digest nor built here.

    `built_here` are names of images this project builds itself (the tag aside), `arguments` what the build is given (they
    win over an ARG's default), `contexts` the names it is given for something else. `scratch` and earlier stages are fine.
    """
    given, named = arguments or {}, {name.lower(): context for name, context in (contexts or {}).items()}
    stages: set[str] = set()
    values: dict[str, str] = {}
    problems = []
    count = 0
    for one in instructions(dockerfile):
        if one.word == "ARG" and not count:
            for name, default in _defaults(one.rest):
                value = given.get(name, default)
                if value is not None:
                    values[name] = _filled(value, values)[0]
        for written in _images_of(one):
            if written.lower() in stages or (one.word != "FROM" and written.isdigit() and int(written) < count):
                continue
            image, missing = _filled(written, values)
            if image.lower() in named:
                image, elsewhere = _image_of_context(named[image.lower()])
                if elsewhere:
                    continue
            if image == "scratch" or parse(image).name in built_here:
                continue
            if missing:
                problem: str | None = f"image {written} is whatever the build is told: {missing} has no value here"
            else:
                problem = image_problem(image)
            if problem:
                problems.append((one.line, f"{_HOW.get(one.word, one.word)}: {problem}"))
        if one.word == "FROM":
            count += 1
            if alias := re.search(r"\sas\s+(\S+)\s*$", one.rest, re.IGNORECASE):
                stages.add(alias[1].lower())
    return problems


def _images_of(one: Instruction) -> list[str]:
    """What an instruction names as the image, or the stage, that it takes files from."""
    if one.word == "FROM":
        return [part for part in one.rest.split() if not part.startswith("--")][:1]
    if one.word == "COPY":
        return re.findall(r"(?:^|\s)--from=(\S+)", one.rest)
    if one.word == "RUN":
        return re.findall(r"(?:^|\s)--mount=(?:\S*,)?from=([^\s,]+)", one.rest)
    return []


def _defaults(rest: str) -> list[tuple[str, str | None]]:
    """The names and defaults of an ARG, which can declare several."""
    try:
        words = shlex.split(rest)
    except ValueError:
        words = rest.split()
    parts = [word.partition("=") for word in words]
    return [(name, value if equals else None) for name, equals, value in parts]


def _filled(text: str, values: Mapping[str, str]) -> tuple[str, str]:
    """A text with its variables put in, and the first that has no value (empty: all have one)."""
    missing = ""

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name, how, word = match[1] or match[2], match[3], match[4] or ""
        found = values.get(name, "")
        if how == "+":
            return word if found else ""
        found = found or (word if how == "-" else "")
        missing = missing or ("" if found else name)
        return found

    filled = re.sub(r"\$(?:(\w+)|\{(\w+)(?::?([-+?])([^}]*))?\})", value, text)
    return filled, missing


def _image_of_context(context: str) -> tuple[str, bool]:
    """The image that a named build context is, and whether it is something else: a folder, a repository, a service."""
    scheme = "docker-image://"
    return context.removeprefix(scheme), not context.startswith(scheme)


def user_problem(user: str) -> str | None:
    """Why an image's user is not numeric and other than root; None when it is."""
    name = user.partition(":")[0]
    if not name:
        return "the image names no user, so it runs as root"
    if not name.isdigit():
        return f"the image's user is the name {name}, expected a number"
    return "the image's user is 0" if int(name) == 0 else None
