"""Finds passwords that clients of databases and of the web are handed on their command lines, where no name says what they are.

`mysqladmin ping -proot` holds one as surely as `--password=root`, and so does a line within `sh -c "…"`. The value itself is
never repeated.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from suites.security.rules.secret_values import A_PAIR, A_SECRET, is_by_value

# Clients whose password is glued to its option (`-pX`; `-p X` means: ask, and X is a database).
_GLUED = re.compile(r"(?:mysql|mariadb)(?:|admin|dump|pump|check|import|show|slap|-admin|-dump|-check|-import|-show|-slap)")
# Clients whose password is the option's own word, or glued to it.
_OPTIONS = {"redis-cli": "-a", "keydb-cli": "-a", "valkey-cli": "-a", "sshpass": "-p", "ldapsearch": "-w", "ldapwhoami": "-w"}
_OPTIONS |= dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"), "-p")
# curl's `-u user:password`, alone or behind options that take no value (`-fsSu`).
_CURL_USER = re.compile(r"-[fsSkLvigNI]*u(.*)", re.DOTALL)
_PAIR = re.compile(r"[^:\s]*:(.+)", re.DOTALL)
_ENDS = re.compile(r"[|&;()]+|\n")


def in_client_words(words: Sequence[str], *, mounted: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The (program and option, why) of each password by value among the words of a command, and of those inside a word."""
    folders = tuple(mounted)
    found = list(_in_line(words, folders))
    for word in words:
        if len(word.split()) > 1:
            found += in_client_words(_split(word), mounted=folders)
    return found


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that does not close: the words are still to be seen
        return text.split()


def _in_line(words: Sequence[str], mounted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    program = ""
    for position, word in enumerate(words):
        name = PurePosixPath(word).name
        if _ENDS.fullmatch(word):
            program = ""
        elif _GLUED.fullmatch(name) or name in _OPTIONS or name == "curl":
            program = name
        elif program:
            following = words[position + 1] if position + 1 < len(words) else ""
            option, value, kind = _password(program, word, following)
            if value and is_by_value("password", value, expands=True, mounted=mounted):
                yield f"{program} {option}", kind


def _password(program: str, word: str, following: str) -> tuple[str, str, str]:
    """The option, the password it hands over (empty: none) and what it is called."""
    if program == "curl":
        given = _CURL_USER.fullmatch(word)
        pair = _PAIR.fullmatch(following if word == "--user" else (given[1] or following) if given else "")
        return "-u", pair[1] if pair else "", A_PAIR
    option = _OPTIONS.get(program, "-p")
    glued = word.removeprefix(option) if word.startswith(option) else ""
    if not glued and word == option and program in _OPTIONS:
        glued = "" if following.startswith("-") else following
    return option, glued, A_SECRET
