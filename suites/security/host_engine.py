"""The engine under a stack and the machine it runs on, as one thing to ask: its word, its arguments, its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell
from stack.hosts import EngineHost, FileFacts
from suites.security.rules import host as rule

if TYPE_CHECKING:
    from stack.driver import Driver

DAEMON_JSON = "/etc/docker/daemon.json"
PID_FILE = "/var/run/docker.pid"
SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Engine:
    """The engine as it says of itself, its process's arguments and its configuration file, and its machine."""

    info: dict[str, Any]
    command_line: tuple[str, ...]
    configuration: dict[str, Any]
    socket: str
    host: EngineHost
    daemon_json: str = DAEMON_JSON

    def socket_facts(self) -> FileFacts:
        """Owner and mode of the engine's socket. Raises CannotTell where it listens on none."""
        status = self.host.facts(self.socket)
        if status is None:
            raise CannotTell(f"{self.host.name}: the engine's socket {self.socket} does not exist")
        return status


def engine_on(host: EngineHost, driver: Driver | None) -> Engine:
    """The engine of a machine; `driver`, where it is the stack's own engine on this machine, knows its address.

    Raises:
        CannotTell: there is none, or something of it can't be read.

    """
    pid = (host.text(PID_FILE) or "").strip()
    words = tuple(word for word in (host.text(f"/proc/{pid}/cmdline") or "").split("\0") if word)
    if not pid.isdigit() or not words:
        raise CannotTell(f"{host.name}: {PID_FILE} names no engine that runs")
    path = rule.option("config-file", words) or DAEMON_JSON
    text = host.text(path)
    try:
        configuration = json.loads(text) if text else {}
    except ValueError as error:
        raise CannotTell(f"{host.name}: {path} is not JSON: {error}") from error
    if driver is not None:
        return Engine(driver.info(), words, configuration, driver.endpoint.removeprefix("unix://"), host, path)
    sockets = rule.unix_sockets(words, configuration)
    return Engine(host.engine_info(), words, configuration, sockets[0] if sockets else SOCKET, host, path)
