"""Looks at the machine an engine runs on, here or over SSH, by testinfra's resources, with every call bounded in time.

Over SSH only keys are used: a prompt for a password or for an unknown host key would hang a session that nobody watches.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stack.completed import complete
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from testinfra.host import Host

SECONDS = 20.0
CONNECT_SECONDS = 8
# ServerAlive: a machine that freezes behind an open connection ends the call too. Persist: its calls share one connection.
_SSH = (
    "-o BatchMode=yes -o StrictHostKeyChecking=yes -o PreferredAuthentications=publickey "
    f"-o ConnectTimeout={CONNECT_SECONDS} -o ServerAliveInterval=5 -o ServerAliveCountMax=2 "
    "-o ControlMaster=auto -o ControlPersist=30s -o ControlPath="
)
_USER_OR_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9a-fA-F:]+")


@dataclass(frozen=True)
class FileFacts:
    """Who owns a file of the machine, and its permission bits."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class EngineHost:
    """The machine an engine runs on."""

    name: str
    _host: Host

    def text(self, path: str) -> str | None:
        """What a file holds, NUL bytes included; None when it does not exist.

        Raises:
            CannotTell: the machine can't be asked, or the file can't be read.

        """
        with _asking(self.name, f"reading {path}"):
            file = self._host.file(path)
            return str(file.content.decode(errors="replace")) if file.exists else None

    def facts(self, path: str) -> FileFacts | None:
        """Owner and mode of a file, links followed; None when it does not exist. Raises as `text`."""
        with _asking(self.name, f"looking at {path}"):
            file = self._host.file(path)
            return FileFacts(file.uid, file.gid, file.mode) if file.exists else None

    def group(self, gid: int) -> tuple[str, frozenset[str]] | None:
        """A group's name and the accounts in it, by its list or as their own group; None when the gid has no name."""
        with _asking(self.name, f"reading group {gid}"):
            found = self._host.run("getent group %s", str(gid))
            if found.rc != 0:
                return None
            name, _, _, members = found.stdout.strip().split(":")[:4]
            accounts = [line.split(":") for line in self._host.check_output("getent passwd").splitlines()]
        own = {entry[0] for entry in accounts if len(entry) > 3 and entry[3] == str(gid)}
        return name, frozenset({member for member in members.split(",") if member} | own)

    def engine_info(self) -> dict[str, Any]:
        """What the machine's own engine says of itself (`docker info`). Raises as `text`."""
        with _asking(self.name, "asking its engine"):
            done = self._host.run("docker info --format %s", "{{json .}}")
        try:
            info: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise CannotTell(f"{self.name}: its engine does not answer ({_last(done.stderr)})") from error
        if not info.get("ServerVersion"):
            raise CannotTell(f"{self.name}: its engine does not answer ({'; '.join(info.get('ServerErrors') or ['?'])})")
        return info


def this_machine() -> EngineHost:
    """The machine we run on."""
    from testinfra.backend.local import LocalBackend
    from testinfra.host import Host

    return EngineHost("this machine", Host(_bounded(LocalBackend)()))


@contextlib.contextmanager
def over_ssh(url: str, ssh_config: Path | None = None) -> Iterator[EngineHost]:
    """The machine at `ssh://user@host[:port]`, reached once to see that it can be; its connection ends with the block.

    `ssh_config` is another file than ~/.ssh/config, for keys, known hosts and jump hosts.

    Raises:
        UserError: the address is none, or the machine's key is not known here.
        CannotTell: the machine does not answer or does not let us in.

    """
    from testinfra.backend.ssh import SshBackend
    from testinfra.host import Host

    address = require_ssh(url)
    config = str(ssh_config) if ssh_config else None
    with tempfile.TemporaryDirectory(prefix="st-ssh-") as folder:
        path = f"{folder}/master"
        backend = _bounded(SshBackend)(address, ssh_config=config, ssh_extra_args=_SSH + path)
        host = EngineHost(address, Host(backend))
        with _asking(address, "logging in"):
            host._host.check_output("true")
        try:
            yield host
        finally:
            if os.path.exists(path):
                complete(["ssh", "-o", f"ControlPath={path}", "-O", "exit", "none"], timeout_seconds=SECONDS)


def require_ssh(url: str) -> str:
    """The `user@host:port` of an SSH address. Raises UserError when it is none."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise UserError(f"--host {url}: the port is not a number from 1 to 65535.") from error
    named = [part for part in (parts.username, parts.hostname) if part is not None]
    extra = parts.password is not None or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "ssh" or not parts.hostname or extra or not all(map(_USER_OR_HOST.fullmatch, named)):
        raise UserError(f"--host {url}: an address such as ssh://user@host or ssh://user@host:22 is expected (keys only).")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return (f"{parts.username}@" if parts.username else "") + host + (f":{port}" if port else "")


def _bounded(backend: type[Any]) -> type[Any]:
    """A testinfra backend whose programs end in time and have no terminal to ask anything at."""

    def run_local(self: Any, command: str, *args: str) -> Any:
        line = self.quote(command, *args)
        done = complete(["/bin/sh", "-c", line], timeout_seconds=SECONDS)
        return self.result(done.code, self.encode(line), done.stdout.encode(), done.stderr.encode())

    return type(f"Bounded{backend.__name__}", (backend,), {"run_local": run_local})


@contextlib.contextmanager
def _asking(name: str, doing: str) -> Iterator[None]:
    """Turn testinfra's errors into ours: it asserts that a command went well, and an unreachable host is no failed check."""
    try:
        yield
    except RuntimeError as error:
        raise _refused(name, str(getattr(error.args[0], "stderr", "") if error.args else "") or str(error)) from error
    except (AssertionError, ValueError, OSError) as error:
        raise CannotTell(f"{name}: {doing} did not work: {_last(str(error))}") from error


_SENTENCES: Mapping[str, str] = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "its key is another than the one known here: somebody may stand in between",
    "Host key verification failed": "its key is not known here: log in once by hand, compare the fingerprint and accept it",
}


def _refused(name: str, said: str) -> UserError | CannotTell:
    for words, sentence in _SENTENCES.items():
        if words in said:
            return UserError(f"--host {name}: {sentence}.")
    if "Permission denied" in said:
        return CannotTell(f"{name}: it does not let us in with a key, and no password is ever typed")
    return CannotTell(f"{name}: it can't be reached ({_last(said)})")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
