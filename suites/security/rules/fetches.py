"""Judges what a Dockerfile brings in from elsewhere: what nobody compared with anything is whatever the other end sent that day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from suites.security.rules.dockerfile import Instruction, instructions

_GETS = r"\b(?:curl|wget)\b"
# The rest of one command: up to what separates it from the next, quoted text and `2>&1` skipped.
_ON = r"(?:'[^']*'|\"[^\"]*\"|>&|&>|[^|;&\n'\"])*"
_SHELL = r"(?:/\S*/)?(?:ba|da|z|a|k)?sh"
# sudo, env, … with their options and variables before the program itself.
_BY = r"(?:(?:sudo|doas|env|exec|nohup)\s+(?:(?:-u\s+\S+|-\S+|\w+=\S*)\s+)*)*"
_END = r"(?=$|[\s;&|\"')\]])"
# A shell runs what it is piped unless it has a -c; an interpreter does without arguments, or behind `-`.
_RUNS_INPUT = (
    rf"(?:{_SHELL}{_END}(?!\s+-\w*c\b)|(?:python[\d.]*|perl|ruby|node|php)(?:\s+--?(?=\s|$)|\s*(?=$|[;&|\"')\n])))"
)
_PIPED = re.compile(rf"{_GETS}{_ON}(?:\|(?!\|){_ON})*?\|&?\s*{_BY}{_RUNS_INPUT}")
_SUBSTITUTED = re.compile(
    rf"(?:{_SHELL}\s+(?:-\w+\s+)*-\w*c[\"',\\\s]+|\beval\s+[\"']?)(?:\$\(|`)\s*{_GETS}"
    rf"|(?:\b{_SHELL}|\bsource|(?:^|[\s;&|])\.)\s+(?:-\S+\s+)*<\(\s*{_GETS}"
)
_UNVERIFIED_TLS = re.compile(
    rf"\bcurl\b(?:{_ON}\s|\s)(?:-[A-Za-z]*k\b|--insecure\b)|\bwget\b{_ON}\s--no-check-certificate\b"
)
_COMMAND = re.compile(rf"{_GETS}{_ON}")
_INTO = re.compile(r"\s(?:-[A-Za-z]*o|--output|--output-document|>)[\s=]*([^\s'\"|;&<>]+)")
_INTO_OF_WGET = re.compile(r"\s(?:-[A-Za-z]*O|--output-document|>)[\s=]*([^\s'\"|;&<>]+)")
_NAMED_REMOTELY = re.compile(r"\s(?:-[A-Za-z]*O[A-Za-z]*|--remote-name)(?=\s|$)")
_URL = re.compile(r"\bhttps?://[^\s'\"]+")
_COMPARED = re.compile(r"\b(?:sha(?:1|224|256|384|512)sum|shasum|b2sum|gpgv?2?|cosign|minisign|signify|openssl)\b")
_GETTER = re.compile(_GETS)


def problems(dockerfile: str) -> list[tuple[int, str]]:
    """The (line, problem) of each instruction that brings in something unverified."""
    return [found for one in instructions(dockerfile) for found in _of(one)]


def _of(one: Instruction) -> Iterator[tuple[int, str]]:
    if one.word == "ADD" and re.search(r"(?:^|[\s\"\[])https?://", one.rest) and "--checksum=" not in one.rest:
        yield one.line, "ADD of a URL without --checksum"
    if one.word != "RUN":
        return
    script = one.script
    if _PIPED.search(script):
        yield one.line_with(_GETTER), "a download is piped into a shell"
    elif _SUBSTITUTED.search(script) or _is_run_from_a_file(script):
        yield one.line_with(_GETTER), "a download is run by a shell"
    elif _UNVERIFIED_TLS.search(script):
        yield one.line_with(_GETTER), "a download without certificate verification"


def _is_run_from_a_file(script: str) -> bool:
    """Whether a file that one command fetches is run by a later one, and nothing between compares it with anything."""
    for command in _COMMAND.finditer(script):
        later = script[command.end() :]
        for name in _files_of(command.group()):
            file = rf"(?:\S*/)?{re.escape(name)}{_END}"
            run = re.search(
                rf"(?:\b{_SHELL}|\bsource|(?:^|[\s;&|])\.)\s+(?:-[A-Za-z]+\s+)*{file}|(?:^|[;&|\n])\s*{_BY}(?:\./|/\S*/){re.escape(name)}{_END}",
                later,
            )
            if run and not _COMPARED.search(later[: run.start()]):
                return True
    return False


def _files_of(command: str) -> Iterator[str]:
    """The names, without folders, of the files that a curl or wget command writes."""
    is_wget = command.startswith("wget")
    into = (_INTO_OF_WGET if is_wget else _INTO).findall(command)
    yield from (name.rpartition("/")[2] for name in into if name.rpartition("/")[2] not in ("", "-"))
    if (is_wget and not into) or (not is_wget and _NAMED_REMOTELY.search(command)):
        for url in _URL.findall(command):
            if name := urlsplit(url).path.rpartition("/")[2]:
                yield name
