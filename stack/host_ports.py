"""Finds out before anything starts whether a port is taken, and by whom, since the engine's own message names neither."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stack.driver import PROJECT_LABEL, Driver
from stack.errors import UserError

_LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


def require_free(driver: Driver, services: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `UserError` naming the first host port that somebody else holds, the service that needs it, and the holder.

    `services` are rendered services. Ports held by the project's own containers are as good as free.
    """
    published = driver.api.containers()
    ours = _ports_of(entry for entry in published if entry["Labels"].get(PROJECT_LABEL) == driver.project)
    for name, service in services.items():
        for entry in service.get("ports") or ():
            port = int(entry.get("published") or 0)
            if port and port not in ours and not _is_free(entry.get("host_ip") or "0.0.0.0", port):
                message = f"port {port}, which {name} needs, is taken by {_holder(published, port)}"
                raise UserError(message)


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True  # we may not bind it; the engine, which may, will say
        except OSError:
            return False
    return True


def _holder(published: Iterable[Mapping[str, Any]], port: int) -> str:
    for entry in published:
        if any(bound.get("PublicPort") == port for bound in entry.get("Ports") or ()):
            project = entry["Labels"].get(PROJECT_LABEL)
            return f"the container {entry['Names'][0].lstrip('/')}" + (f" of the project {project}" if project else "")
    return _process(port) or "another program"


def _process(port: int) -> str | None:
    """Name the process that listens on `port`, where /proc lets us see it."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listeners(Path("/proc/net") / table, port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for descriptor in folder.iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in {f"socket:[{inode}]" for inode in inodes}:
                        name = (folder.parent / "comm").read_text().strip()
                        return f"{name} (process {folder.parent.name})"
    return None


def _listeners(table: Path, port: int) -> list[str]:
    with contextlib.suppress(OSError):
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
        return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]
    return []


def _ports_of(entries: Iterable[Mapping[str, Any]]) -> set[int]:
    return {bound["PublicPort"] for entry in entries for bound in entry.get("Ports") or () if "PublicPort" in bound}
