"""Says where a compose project keeps its things and which ports and networks it uses, so that two stacks run side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stack.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
COMPOSE_FILE = ROOT / "stack" / "compose.yaml"
DEFAULT = "seatrial"

#: Host ports of the default project; `environment` adds an offset to each.
PORTS: Mapping[str, int] = {
    "SEATRIAL_HTTPS_PORT": 443,
    "SEATRIAL_HTTP_PORT": 80,
    "SEATRIAL_ADMIN_PORT": 8080,
    "SEATRIAL_WALLET_BUYER_PORT": 18082,
    "SEATRIAL_WALLET_VENDOR_PORT": 18083,
    "SEATRIAL_WALLET_ARBITER_PORT": 18084,
    "SEATRIAL_PROMETHEUS_PORT": 9090,
    "SEATRIAL_ALERTMANAGER_PORT": 9093,
    "SEATRIAL_RECEIVER_PORT": 9095,
    "SEATRIAL_GRAFANA_PORT": 3000,
    "SEATRIAL_LOKI_PORT": 3100,
    "SEATRIAL_NODE_EXPORTER_PORT": 9100,
    "SEATRIAL_MONERO_EXPORTER_PORT": 9101,
    "SEATRIAL_PROMETHEUS_DRILL_PORT": 9190,
    "SEATRIAL_ALERTMANAGER_DRILL_PORT": 9193,
    "SEATRIAL_RECEIVER_DRILL_PORT": 9195,
}
_FIRST_SUBNET = 89
_LAST_PORT = 65535


def state_dir(project: str, root: Path = ROOT) -> Path:
    """The folder of a project's rendered state: secrets, certificate, active colour, drill configuration."""
    return root / ".seatrial" / project


def environment(project: str = DEFAULT, offset: int = 0, *, root: Path = ROOT) -> dict[str, str]:
    """The variables that compose.yaml is rendered with.

    `offset` moves every host port and, with it, the subnets and the edge to loopback, so that a second stack meets the
    first nowhere. At offset 0 a `SEATRIAL_…` variable of the caller's own environment wins; the state folder's is the default
    project's alone, so that taking down another project never takes its secrets away.

    Raises `UserError` when an offset leaves no valid port.
    """
    if offset < 0 or max(PORTS.values()) + offset > _LAST_PORT:
        message = f"offset {offset} is not possible: ports from {min(PORTS.values())} to {max(PORTS.values())} must stay valid"
        raise UserError(message)
    # Offsets that differ by less than 1000 would collide in some port anyway, so the thousands choose the subnet.
    second = _FIRST_SUBNET if offset == 0 else _FIRST_SUBNET + 1 + offset // 1000
    values = {name: str(port + offset) for name, port in PORTS.items()} | {
        "SEATRIAL_PUBLIC_ADDRESS": "0.0.0.0" if offset == 0 else "127.0.0.1",
        "SEATRIAL_SUBNET": f"10.{second}",
        "SEATRIAL_STATE_DIR": str(state_dir(project, root)),
        "SEATRIAL_ENGINE_SOCKET": _socket(),
        "SEATRIAL_ENGINE_GID": str(_group_of(_socket())),
    }
    chosen = {name: value for name, value in os.environ.items() if name in values and value} if offset == 0 else {}
    if project != DEFAULT:
        chosen.pop("SEATRIAL_STATE_DIR", None)
    return values | chosen


def _socket() -> str:
    endpoint = os.environ.get("DOCKER_HOST", "")
    return endpoint.removeprefix("unix://") if endpoint.startswith("unix://") else "/var/run/docker.sock"


def _group_of(socket: str) -> int:
    try:
        return Path(socket).stat().st_gid
    except OSError:
        return 0
