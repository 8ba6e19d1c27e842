"""Finds secrets that stand by value where they can be read: in environment, labels, commands, build args and files.

Two signs: a value that *is* a credential by its form (a private key, a token of a known issuer, a password in a URL), and
a name that says so with a value that is not a reference, a path or a switch. The value itself is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Forms published by their issuers.
_FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----",
    "an age secret key": r"AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a Stripe key": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
_KNOWN_FORMS = tuple((name, re.compile(pattern)) for name, pattern in _FORMS.items())
_URL_PASSWORD = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:([^\s/@'\"]+)@", re.IGNORECASE)

_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:pass|[a-z]*passwd|[a-z]*password|passphrase|passcode|pwd|secret|secrets|token|apikey|api_key|api-key|"
    r"private_?key|secret_?key|access_?key|encryption_?key|signing_?key|credential|credentials|auth_key|rpc_login|rpc-login|"
    r"requirepass|masterauth)(?:$|[_.-](?:value|hash|base64|b64|\d+)$)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Names that only speak *about* a secret.
_ABOUT = re.compile(
    r"(?:file|path|dir|name|id|url|uri|header|ttl|length|policy|expiry|expires|timeout|type|algorithm|enabled)$",
    re.IGNORECASE,
)
_NOT_A_VALUE = re.compile(r"^(?:|true|false|yes|no|on|off|none|null|disabled|enabled|required|optional|\d{1,5}|/\S*|\.{1,2}/\S*|\$\{?\w.*|"
                          r"<[^>]*>|\{\{.*\}\}|_?file:.*|env:.*|vault:.*|ENC\[.*)$", re.IGNORECASE)  # fmt: skip
_PLACEHOLDER = re.compile(
    r"^(?:change[-_ ]?me|replace[-_ ]?me|your[-_ ].*|example|placeholder|x{3,}|\*{3,}|todo|\.{3})\W*$", re.IGNORECASE
)
_OPTION = re.compile(r"^--?([A-Za-z][\w.-]*)(?:=(.*))?$", re.DOTALL)


def names_a_secret(name: str) -> bool:
    """Whether a variable, label or option of this name carries a secret, and not only speaks about one."""
    spread = _CAMEL.sub("_", name)
    return bool(_SECRET_NAME.search(spread)) and not _ABOUT.search(spread)


def form_of(text: str) -> str | None:
    """What kind of credential the text holds by its form; None when it holds none."""
    for name, pattern in _KNOWN_FORMS:
        if pattern.search(text):
            return name
    for match in _URL_PASSWORD.finditer(text):
        if not _NOT_A_VALUE.match(match.group(1)):
            return "a password in a URL"
    return None


def is_by_value(name: str, value: object, *, placeholders: bool = False) -> str | None:
    """Why `name: value` is a secret by value; None when it is not. With `placeholders`, `changeme` and the like pass."""
    text = "" if value is None else str(value)
    form = form_of(text)
    if form is not None:
        return form
    if not names_a_secret(name) or _NOT_A_VALUE.match(text.strip()):
        return None
    if placeholders and _PLACEHOLDER.match(text.strip()):
        return None
    return "a value under a secret's name"


def in_mapping(values: Mapping[str, Any], *, allowed: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The (name, why) of each secret by value in an environment, labels or build args."""
    skipped = set(allowed)
    found = ((name, is_by_value(name, value)) for name, value in values.items() if name not in skipped)
    return [(name, why) for name, why in found if why]


def in_words(words: Sequence[str]) -> list[tuple[str, str]]:
    """The (option, why) of each secret by value on a command line, `--opt=value` and `--opt value` and `NAME=value` alike."""
    found = []
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        option = _OPTION.match(word)
        if option and option.group(2) is None and names_a_secret(option.group(1)):
            if following and not following.startswith("-") and not _NOT_A_VALUE.match(following):
                found.append((word, "a value under a secret's name"))
            continue
        name, equals, value = word.lstrip("-").partition("=")
        why = is_by_value(name, value) if equals and re.fullmatch(r"[\w.-]+", name) else form_of(word)
        if why:
            found.append((name if equals else f"word {position + 1}", why))
        elif word == "requirepass" and following:
            found.append((word, "a value under a secret's name"))
    return found


def in_env_file(text: str, *, placeholders: bool = False) -> list[tuple[int, str, str]]:
    """The (line, name, why) of each secret by value in an env file."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        why = (
            is_by_value(name.strip(), value.strip().strip("'\""), placeholders=placeholders)
            if equals
            else form_of(stripped)
        )
        if why:
            found.append((number, name.strip() if equals else f"line {number}", why))
    return found
