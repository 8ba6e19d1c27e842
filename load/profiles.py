"""How much load, for how long, and what must hold under it: limits as data.

A user makes one request every five seconds on average (design/suites.md), so users are an arrival rate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from load.arrivals import Segment, constant, expected, length
from stack.errors import UserError

SECONDS_BETWEEN_REQUESTS = 5.0


@dataclass(frozen=True)
class Objectives:
    """What the answers must be like; latency counts from the intended start."""

    p95_ms: float = 200.0
    p99_ms: float = 500.0
    error_rate: float = 0.001


@dataclass(frozen=True)
class Target:
    """Where the load goes: a connection to `address`, that asks for `server_name` and verifies its certificate."""

    address: str
    port: int
    server_name: str
    ca_file: str
    sources: tuple[str, ...] = ()
    """Client addresses to bind to, used in turn; none leaves the choice to the kernel."""


@dataclass(frozen=True)
class LoadProfile:
    """One run."""

    name: str
    rate: tuple[Segment, ...]
    """After the warm-up, which runs at the first segment's begin rate."""
    users: int
    """Simulated clients, each with a connection of its own."""
    warm_up_seconds: float = 5.0
    """Measured apart and judged by nobody."""
    poisson: bool = True
    seed: int = 1
    mix: Mapping[str, float] = field(
        default_factory=lambda: {"browse": 0.4, "view": 0.3, "search": 0.2, "order": 0.1}
    )
    """Shares of the requests by endpoint."""
    timeout_seconds: float = 10.0
    objectives: Objectives = Objectives()

    @property
    def seconds(self) -> float:
        """How long it measures."""
        return length(self.rate)

    @property
    def expected(self) -> float:
        """How many measured arrivals there will be, on average."""
        return expected(self.rate)


def for_users(users: int, *, seconds: float = 60.0, warm_up_seconds: float = 5.0, seed: int = 1) -> LoadProfile:
    """The profile of `users` at a constant rate of independent arrivals."""
    return LoadProfile(
        name=f"{users}-users",
        rate=tuple(constant(users / SECONDS_BETWEEN_REQUESTS, seconds)),
        users=users,
        warm_up_seconds=warm_up_seconds,
        seed=seed,
    )


PROFILES = {
    "smoke": for_users(25, seconds=10, warm_up_seconds=2),
    **{str(users): for_users(users) for users in (100, 500, 1000, 2000)},
}


def write(profile: LoadProfile, target: Target, path: Path) -> None:
    """Write what a load process is to do."""
    path.write_text(json.dumps({"profile": asdict(profile), "target": asdict(target)}, indent=2), encoding="utf-8")


def read(path: Path) -> tuple[LoadProfile, Target]:
    """Read what to do.

    Raises:
        UserError: missing, malformed, with an unknown or missing entry, or with a number that can't be.

    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return _profile(facts["profile"]), _target(facts["target"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: is no load profile ({reason})") from error


def _profile(facts: Mapping[str, Any]) -> LoadProfile:
    profile = LoadProfile(
        **{
            **facts,
            "rate": tuple(Segment(**segment) for segment in facts["rate"]),
            "objectives": Objectives(**facts.get("objectives", {})),
        }
    )
    for name in ("users", "timeout_seconds"):
        _require_positive(name, getattr(profile, name))
    for name in ("p95_ms", "p99_ms", "error_rate"):
        _require_positive(f"objectives.{name}", getattr(profile.objectives, name))
    if not (math.isfinite(profile.warm_up_seconds) and profile.warm_up_seconds >= 0):
        raise ValueError(f"warm_up_seconds is {profile.warm_up_seconds}, expected 0 or more")
    if not profile.rate or not profile.mix or min(profile.mix.values()) < 0 or sum(profile.mix.values()) <= 0:
        raise ValueError("rate and mix need an entry, and shares of the mix are 0 or more")
    return profile


def _target(facts: Mapping[str, Any]) -> Target:
    return Target(**{**facts, "sources": tuple(facts.get("sources", ()))})


def _require_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}, expected more than 0")
