"""Gives secrets new values in a running project: the file, the rendered folders and the services in one step that can be killed.

What is under way is written down first (.operator/rotation.json: names and digests of the old values, never a value), so
that whoever runs it again after a kill completes it: what was drawn already is not drawn twice, and rendering and
restarting are harmless to repeat. One rotation runs at a time.

Wallet RPCs restart first, since they decide which login is right; those who log in to them follow, and the servers close
the round. Sessions end with SESSION_SECRET: everybody logs in again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack import secrets
from stack.errors import UserError
from stack.files import write_whole
from stack.health import await_health
from stack.progress import Progress

if TYPE_CHECKING:
    from stack.driver import Driver

#: What a restart does not change: the service took it over when it first started, and keeps its own.
KEPT_INSIDE: Mapping[str, str] = {
    "GRAFANA_ADMIN_PASSWORD": "Grafana keeps it in its own database: change it there (`grafana cli admin reset-admin-password`), "
    "then here (`secrets edit`)",
}


@dataclass(frozen=True)
class Rotated:
    """What was done: names, the services that were restarted (in that order), and whether a killed rotation was completed."""

    names: tuple[str, ...]
    restarted: tuple[str, ...]
    resumed: bool


def rotate(root: Path, driver: Driver, state: Path, names: Iterable[str], *, progress: Progress) -> Rotated:
    """Rotate `names` in the secrets of `root` and in the project of `driver`, whose rendered secrets are below `state`.

    Returns when every service that reads them is healthy with the new values. A rotation that was killed is completed first,
    whatever is asked for now.

    Raises:
        UserError: an unknown name, one that data is locked with, or another rotation is under way; nothing was changed.
        SeatrialError: a service is not healthy with its new secret; running it again goes on from there.

    """
    asked = require(root, names)
    with _alone(root):
        pending = _pending(root, driver.project)
        values = secrets.decrypt(root)
        before = {name: _digest(values, name) for name in asked} | pending
        _write(root, driver.project, before)
        with progress.step(f"new values for {', '.join(sorted(before))}"):
            if due := sorted(name for name, digest in before.items() if _digest(values, name) == digest):
                secrets.rotate(root, due)
            secrets.render(secrets.decrypt(root), state)
        restarted = []
        for wave in waves(before):
            restarted += _restarted(driver, wave, progress)
        _intent(root).unlink()
    return Rotated(tuple(sorted(before)), tuple(restarted), bool(pending))


def require(root: Path, names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once. Raises UserError for what can't be rotated in a running project."""
    chosen = tuple(dict.fromkeys(names))
    secrets.rotate(root, chosen, dry_run=True)
    for name in chosen:
        if name in KEPT_INSIDE:
            message = f"{name} is not rotated by a restart: {KEPT_INSIDE[name]}"
            raise UserError(message)
    return chosen


def waves(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The services that read any of `names`, in the order of their restarts: wallet RPCs, their other clients, servers."""
    chosen = set(names)
    logins = {f"WALLET_{wallet.upper()}_RPC_PASSWORD": wallet for wallet in secrets.WALLETS}
    wallets = {logins[name] for name in chosen if name in logins}
    reading = [c for c in secrets.CONSUMERS if chosen & set(c.names) or c.wallet in wallets]
    first = [c.service for c in reading if c.wallet]
    last = [c.service for c in reading if "SESSION_SECRET" in c.names]
    between = [c.service for c in reading if c.service not in {*first, *last}]
    return tuple(tuple(wave) for wave in (first, between, last) if wave)


def _restarted(driver: Driver, wave: Iterable[str], progress: Progress) -> list[str]:
    running = {name: driver.container_ids(name) for name in wave}
    running = {name: ids for name, ids in running.items() if ids}
    if not running:
        return []
    with progress.step(f"restarting {', '.join(running)}"), ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(driver.restart, [each for ids in running.values() for each in ids]))
        await_health(driver, list(running))
    return list(running)


def _intent(root: Path) -> Path:
    return secrets.Places(root).operator / "rotation.json"


def _pending(root: Path, project: str) -> dict[str, str]:
    path = _intent(root)
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        whose, before = str(found["project"]), {str(name): str(digest) for name, digest in found["before"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is not what a rotation leaves behind ({error}): remove it to begin anew"
        raise UserError(message) from error
    if whose != project:
        message = f"a rotation for {whose} was interrupted: complete it first (--project {whose})"
        raise UserError(message)
    return before


def _write(root: Path, project: str, before: Mapping[str, str]) -> None:
    write_whole(_intent(root), json.dumps({"project": project, "before": dict(before)}), mode=0o600)


def _digest(values: Mapping[str, str], name: str) -> str:
    return secrets.fingerprint(values, "rotation", [name])


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    path = secrets.Places(root).operator / "rotation.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        message = f"another rotation is under way (it holds {path})"
        raise UserError(message) from error
    finally:
        os.close(handle)
