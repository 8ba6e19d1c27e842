"""Carries out one activity of a Chaos Toolkit file: an HTTP request to this machine or the project, or a program, both bounded.

Nothing leaves the machine: a URL's host is loopback or a container of the project, no proxy is asked, and no redirect is
followed. A program gets a list of arguments and never a shell.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from stack.completed import complete
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

DEFAULT_SECONDS = 30.0
LONGEST_SECONDS = 120.0
LONGEST_ANSWER = 100_000
"""Characters of a body or an output that are kept: a tolerance looks at a status or a word, not at a dump."""
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
Answer = dict[str, Any]


def require_possible(where: str, provider: Mapping[str, Any], services: frozenset[str]) -> None:
    """Raises UserError when the activity, its values filled in, could never be carried out here, or must not be."""
    _seconds(where, provider)
    if provider["type"] == "process":
        if shutil.which(os.path.expanduser(provider["path"])) is None:
            raise UserError(f"{where}: there is no program {provider['path']!r}")
        _arguments(where, provider)
        return
    if not isinstance(provider.get("headers") or {}, Mapping):
        raise UserError(f"{where}: its headers are not an object")
    if str(provider.get("method", "GET")).upper() not in _METHODS:
        raise UserError(f"{where}: its method {provider['method']!r} is none of {', '.join(_METHODS)}")
    _host(where, provider["url"], services)


def carry_out(provider: Mapping[str, Any], stack: Stack, where: str) -> Answer:
    """The answer: status, and headers and body or stdout and stderr. Raises CannotTell when there is none in time."""
    return _run(provider, where) if provider["type"] == "process" else _request(provider, stack, where)


def summary(answer: Answer) -> str:
    """An answer in a line."""
    said = answer["body"] if "body" in answer else answer["stdout"] or answer["stderr"]
    shown = " ".join(str(said).split())[:200]
    kind = "status" if "body" in answer else "exit code"
    return f"{kind} {answer['status']}{f': {shown}' if shown else ''}"


def _run(provider: Mapping[str, Any], where: str) -> Answer:
    program = shutil.which(os.path.expanduser(provider["path"]))
    if program is None:
        raise CannotTell(f"{where}: there is no program {provider['path']!r}")
    done = complete([program, *_arguments(where, provider)], timeout_seconds=_seconds(where, provider))
    return {"status": done.code, "stdout": done.stdout[:LONGEST_ANSWER], "stderr": done.stderr[:LONGEST_ANSWER]}


def _arguments(where: str, provider: Mapping[str, Any]) -> list[str]:
    """As there: names and values of an object in turn, empty ones left out; a text is split as a shell splits it, and no more."""
    given = provider.get("arguments") or []
    if isinstance(given, str):
        try:
            return shlex.split(given)
        except ValueError as error:
            raise UserError(f"{where}: its arguments can't be split ({error})") from error
    flat = [part for pair in given.items() for part in pair] if isinstance(given, Mapping) else given
    if not isinstance(flat, list):
        raise UserError(f"{where}: its arguments are neither a list, an object nor a text")
    return [str(part) for part in flat if part not in (None, "")]


def _request(provider: Mapping[str, Any], stack: Stack, where: str) -> Answer:
    import requests

    url = _addressed(where, provider["url"], stack)
    method, arguments = str(provider.get("method", "GET")).upper(), provider.get("arguments") or None
    headers = {str(name): str(value) for name, value in (provider.get("headers") or {}).items()}
    as_json = method != "GET" and headers.get("Content-Type") == "application/json"
    body: dict[str, Any] = {"params": arguments} if method == "GET" else {"json" if as_json else "data": arguments}
    seconds = _seconds(where, provider)
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment's would take it off this machine
            answer = session.request(
                method,
                url,
                headers=headers,
                timeout=seconds,
                allow_redirects=False,
                verify=_trusted(provider, stack),
                **body,
            )
    except requests.RequestException as error:
        raise CannotTell(f"{where}: {method} {provider['url']}: {type(error).__name__}") from error
    is_json = answer.headers.get("Content-Type") == "application/json"
    try:
        text: Any = answer.json() if is_json else answer.text[:LONGEST_ANSWER]
    except ValueError:
        text = answer.text[:LONGEST_ANSWER]
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": text}


def _trusted(provider: Mapping[str, Any], stack: Stack) -> bool | str:
    if not provider.get("verify_tls", True):
        return False
    tls = getattr(stack.profile, "tls", None)
    ours = stack.path(tls.ca_file) if tls is not None else None
    return str(ours) if ours is not None and ours.is_file() else True


def _host(where: str, url: str, services: frozenset[str]) -> str:
    """The URL's host: loopback, or a service of the project."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UserError(f"{where}: {url!r} is no URL ({error})") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(f"{where}: {url!r} is no http or https URL with a host")
    if host in services or host == "localhost" or _is_loopback(host):
        return host
    raise UserError(
        f"{where}: {url} is neither on this machine's loopback nor a service of the project, so nothing is sent there"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _addressed(where: str, url: str, stack: Stack) -> str:
    """The URL with a service's name replaced by its container's address; any container's of the project, by its networks."""
    host = _host(where, url, frozenset(service.name for service in stack.services))
    if host == "localhost" or _is_loopback(host):
        return url
    addresses = [address for address in stack.container(host).addresses().values() if address]
    if not addresses:
        raise CannotTell(f"{where}: {host} has no address")
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{addresses[0]}{port}"))


def _seconds(where: str, provider: Mapping[str, Any]) -> float:
    given = provider.get("timeout")
    if isinstance(given, list):  # to connect, to read
        given = max(given, default=None)
    if given is None:
        return DEFAULT_SECONDS
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= LONGEST_SECONDS:
        raise UserError(f"{where}: its timeout is no number of seconds up to {LONGEST_SECONDS:g}")
    return float(given)
