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

# The last words of a name that carries a secret, then what people add to tell several apart.
_SECRET_NAME = re.compile(
    r"(?:^|[_.\s-])(?:[a-z0-9]*passw(?:or)?d|[a-z0-9]*pass|passphrase|passcode|[a-z0-9]*pwd|pw|pin|secret|secrets|token|api[_-]?key|"
    r"(?:private|secret|access|encryption|signing|auth|master|session|cookie)[_-]?key|credential|credentials|rpc[_-]login|"
    r"requirepass|masterauth)(?:$|[_.-](?:value|hash|base64|b64|base|\d+)$)",
    re.IGNORECASE,
)
# Words that end alike and mean something else: working folders, compounds, filters, a model's special tokens, a board's pins,
# and the names of files that Kafka's images call credentials.
_NO_SECRET_NAME = re.compile(
    r"^(?:old)?pwd$|(?:^|[_.-])(?:com|by|over|under|tres|sur|encom)pass$|"
    r"(?:^|[_.-])(?:proxy|high|low|band|all|first|second|two|single|multi)_?pass$|"
    r"(?:^|[_.-])(?:pad|eos|bos|unk|sep|cls|mask|stop)_token$|ssl_(?:keystore|key|truststore)_credentials$|"
    r"[_.-](?<!admin.)(?<!user.)(?<!access.)(?<!auth.)(?<!security.)(?<!login.)(?<!card.)pin$",
    re.IGNORECASE,
)
# "user:password" is a secret under these names; a file, an address or a switch is none.
_PAIR_NAME = re.compile(r"(?:^|[_.-])basic[_-]?auth$", re.IGNORECASE)
_PAIR = re.compile(r"[^\s:/]+:[^\s/].*", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A name with one of these words says what is done about a secret (ALLOW_EMPTY_PASSWORD, MIN_PASSWORD), so that a switch or
# a count is its proper value. Plain `..._PASSWORD: "no"` has the password "no".
_ABOUT = re.compile(
    r"(?:^|[_.-])(?:allow|require|required|enable|enabled|disable|use|with|no|skip|show|hide|has|is|random|generate|auto|force|"
    r"check|verify|validate|reset|change|forgot|empty|encrypt|store|save|mask|rotate|log|min|max|num|count|limit)(?:$|[_.-])",
    re.IGNORECASE,
)
# A token of something (a reset, a confirmation) with a number as its value is how long one counts, in seconds or with a unit.
_LIFETIME = re.compile(r"\d{1,9}(?:ms|[smhdw])?", re.IGNORECASE)
_TOKEN = re.compile(r"token$", re.IGNORECASE)
# Web builders put variables of these names into what every browser gets, so that a token there is one to be seen; what
# calls itself a password or a secret is a mistake there too.
_FOR_BROWSERS = re.compile(
    r"(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|VITE|REACT_APP|VUE_APP|GATSBY)_(?!.*(?:SECRET|PASS|PRIVATE|PWD)).*(?:TOKEN|API_?KEY)",
    re.IGNORECASE,
)
_MANY = re.compile(r"(?:secrets|credentials)$", re.IGNORECASE)
_SWITCH = re.compile(r"true|false|yes|no|on|off|none|disabled|enabled|required|optional|\d{1,5}", re.IGNORECASE)
# What stands for a value that is kept elsewhere. A lone `$NAME` does only where something will expand it: compose has
# done so already when it hands an environment on.
_REFERENCE = re.compile(
    r"\$\{[A-Za-z_]\w*(?:[:?+-][^}]*)?\}|\{\{.*\}\}|_?file:[/.]\S*|env:[A-Za-z_]\w*|vault:\S*/\S*|op://\S+|arn:aws:\S+|ENC\[.*\]?",
    re.IGNORECASE | re.DOTALL,
)
_EXPANDED = re.compile(r"[\"']?\$.*", re.DOTALL)
_KEY_FILE = re.compile(r"(?:\.{0,2}/)\S*\.(?:pem|key|crt|txt|json|asc|gpg|p12|pfx|jks|secret|pass|password)")
SECRET_FOLDERS = ("/run/secrets", "/var/run/secrets")
_PLACEHOLDER = re.compile(
    r"^(?:change[-_ ]?me|replace[-_ ]?me|your[-_ ].*|example|placeholder|x{3,}|\*{3,}|todo|\.{3}|<[^>]*>)\W*$",
    re.IGNORECASE,
)
_OPTION = re.compile(r"^--?([A-Za-z][\w.-]*)(?:=(.*))?$", re.DOTALL)
# `password=…` inside a longer text: a connection string, Java options, a JAAS line, a shell command.
_INSIDE = re.compile(
    r"([A-Za-z][\w.-]*)(?:[\"']\])?\s*=\s*(\"[^\"]*\"|'[^']*'|\$\([^)]*\)|\$?\{\{?[^}]*\}?\}|[^\s\"';&,)]+)"
)
_INSIDE_NAME = re.compile(r"(?:passw(?:or)?d|pwd|passphrase|client_?secret)$", re.IGNORECASE)
_TEMPLATE = re.compile(r"[\"']?[*%{<$].*|[A-Za-z_][\w.]*\(\)?", re.DOTALL)  # or a call that fetches it

A_SECRET = "a secret"
A_PAIR = "a user's password"
IN_A_URL = "a password in a URL"
INSIDE = "a password in its text"


def names_a_secret(name: str) -> bool:
    """Whether a variable, label or option of this name carries a secret, and not only speaks about one."""
    spread = _CAMEL.sub("_", name)
    if _FOR_BROWSERS.fullmatch(name):
        return False
    return bool(_SECRET_NAME.search(spread)) and not _NO_SECRET_NAME.search(spread)


def form_of(text: str, *, expands: bool = False) -> str | None:
    """What kind of credential the text holds by its form; None when it holds none."""
    for name, pattern in _KNOWN_FORMS:
        if pattern.search(text):
            return name
    for match in _URL_PASSWORD.finditer(text):
        if not _is_reference(match.group(1), expands=expands) and not _TEMPLATE.fullmatch(match.group(1)[:1]):
            return IN_A_URL
    for match in _INSIDE.finditer(text):
        name, value = match.group(1), match.group(2)
        # Texts inside texts are often shell or templates, so what begins like one is left alone here.
        named = _INSIDE_NAME.search(name) and names_a_secret(name) and not _TEMPLATE.fullmatch(value)
        if named and not _is_no_value(name, value.strip("\"'"), expands=True):
            return INSIDE
    return None


def is_by_value(
    name: str, value: object, *, placeholders: bool = False, expands: bool = False, mounted: Iterable[str] = ()
) -> str | None:
    """Why `name: value` is a secret by value; None when it is not.

    With `placeholders`, `changeme` and the like pass; with `expands`, a `$NAME` is still to be replaced (files, shells).
    A path counts as a reference where something is `mounted`, else it may as well be the secret itself (base64 has slashes).
    """
    text = "" if value is None else str(value).strip()
    form = form_of(text, expands=expands)
    if form is not None:
        return form
    pair = bool(_PAIR_NAME.search(_CAMEL.sub("_", name)) and _PAIR.fullmatch(text) and "://" not in text)
    if not (pair or names_a_secret(name)) or _is_no_value(name, text, expands=expands, mounted=mounted):
        return None
    if placeholders and _PLACEHOLDER.match(text):
        return None
    return A_PAIR if pair else A_SECRET


def _is_reference(text: str, *, expands: bool, mounted: Iterable[str] = ()) -> bool:
    """Whether a value only says where the secret is."""
    if _REFERENCE.fullmatch(text) or _KEY_FILE.fullmatch(text):
        return True
    if expands and _EXPANDED.fullmatch(text):
        return True
    folders = (*SECRET_FOLDERS, *mounted)
    return text.startswith("/") and any(
        text == folder or text.startswith(folder.rstrip("/") + "/") for folder in folders
    )


def _is_no_value(name: str, text: str, *, expands: bool, mounted: Iterable[str] = ()) -> bool:
    """Whether the value under a secret's name is none: nothing, a reference, or a switch where the name asks for one."""
    if not text or _is_reference(text, expands=expands, mounted=mounted):
        return True
    spread = _CAMEL.sub("_", name)
    if _TOKEN.search(spread) and _ABOUT.search(spread) and _LIFETIME.fullmatch(text):
        return True
    return bool(_SWITCH.fullmatch(text)) and bool(_ABOUT.search(spread) or _MANY.search(spread))


# Settings that let everybody in, and the values with which they do.
_ON = frozenset({"1", "true", "yes", "on"})
_OPEN = (
    (re.compile(r"POSTGRES_HOST_AUTH_METHOD"), frozenset({"trust"})),
    (re.compile(r"xpack\.security\.enabled"), frozenset({"false"})),
    (re.compile(r"(?:.*_)?ALLOW_EMPTY_(?:ROOT_)?PASSWORD"), _ON),
    (re.compile(r"ALLOW_ANONYMOUS_LOGIN|DISABLE_SECURITY_PLUGIN|AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"), _ON),
    (re.compile(r"plugins\.security\.disabled"), _ON),
    (re.compile(r"ME_CONFIG_BASICAUTH"), frozenset({"false"})),
)


def opens_to_all(name: str, value: object) -> str | None:
    """What a setting does that asks for no password at all; None when it does not."""
    text = "" if value is None else str(value).strip().lower()
    if any(pattern.fullmatch(name) and text in values for pattern, values in _OPEN):
        return f"is {text}: no password is asked for at all"
    return None


def in_mapping(
    values: Mapping[str, Any], *, allowed: Iterable[str] = (), mounted: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """The (name, why) of each secret by value in an environment, labels or build args."""
    skipped, folders = set(allowed), tuple(mounted)
    found = ((name, is_by_value(name, value, mounted=folders)) for name, value in values.items() if name not in skipped)
    return [(name, why) for name, why in found if why]


def in_words(words: Sequence[str], *, mounted: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The (option, why) of each secret by value on a command line, `--opt=value` and `--opt value` and `NAME=value` alike."""
    found = []
    folders = tuple(mounted)
    for position, word in enumerate(words):
        following = words[position + 1] if position + 1 < len(words) else ""
        option = _OPTION.match(word)
        named = option is not None and option.group(2) is None and option.group(1)
        if named and (names_a_secret(named) or _PAIR_NAME.search(named)):
            why = is_by_value(named, following, expands=True, mounted=folders)
            if why and not following.startswith("-"):
                found.append((word, why))
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if equals and re.fullmatch(r"[\w.-]+", name):
            why = is_by_value(name, value, expands=True, mounted=folders)
        else:
            name, why = f"word {position + 1}", form_of(word, expands=True)
        if why:
            found.append((name, why))
        elif word == "requirepass" and following:
            found.append((word, A_SECRET))
    return found


def in_env_file(text: str, *, placeholders: bool = False) -> list[tuple[int, str, str]]:
    """The (line, name, why) of each secret by value in an env file."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        plain = value.strip()
        why = (
            is_by_value(name.strip(), plain.strip("'\""), placeholders=placeholders, expands=not plain.startswith("'"))
            if equals
            else form_of(stripped, expands=True)
        )
        if why:
            found.append((number, name.strip() if equals else f"line {number}", why))
    return found
