"""Judges what keeps one service from taking the machine with it: restart policy, log rotation, memory, CPU and PID limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESTARTS = frozenset({"always", "unless-stopped", "on-failure", "any"})

# Drivers that write to a file on the host and grow without a bound unless told (docs of the engine's logging drivers).
GROWING_DRIVERS = frozenset({"json-file", ""})


def restarts(policy: str | None) -> bool:
    """Whether a restart policy (compose's or swarm's, `on-failure:5` included) brings a service back."""
    return (policy or "no").partition(":")[0] in RESTARTS


def log_problem(logging: Mapping[str, Any] | None) -> str | None:
    """Why a service's log can grow without bound, or is not kept; None when it rotates or goes elsewhere."""
    driver = str((logging or {}).get("driver") or "")
    options = (logging or {}).get("options") or {}
    if driver == "none":
        return "logging.driver is none: nothing is left to read after an incident"
    if driver in GROWING_DRIVERS and not options.get("max-size"):
        return "the log has no max-size: it grows until the disk is full"
    return None


def missing_limits(config: Mapping[str, Any]) -> list[str]:
    """Which of memory, CPU and PID limits a rendered service does not declare, in either of compose's syntaxes."""
    limits = ((config.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    stated = {
        "memory limit (mem_limit)": config.get("mem_limit") or limits.get("memory"),
        "CPU limit (cpus)": config.get("cpus") or config.get("cpu_quota") or limits.get("cpus"),
        "PID limit (pids_limit)": config.get("pids_limit") or limits.get("pids"),
    }
    # -1 is compose's word for "unlimited".
    return [
        name for name, value in stated.items() if not value or str(value).startswith("-") or str(value) in ("0", "0.0")
    ]
