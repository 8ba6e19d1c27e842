"""Turns what a stack's profile promises into a load: its users, its objectives, its edge as clients outside see it."""

from __future__ import annotations

from dataclasses import replace

from load.arrivals import constant
from load.profiles import LoadProfile, Objectives, Target
from load.targets import target_of
from stack.model import Stack
from stack.vantage import Outside
from suites.check import not_applicable

MOST_ADDRESSES = 200


def plan_of(stack: Stack, *, seed: int) -> LoadProfile:
    """The profile's own load, with its objectives; NOT_APPLICABLE where it promises none."""
    promised, wanted = stack.profile.objectives, stack.profile.load_
    if promised.p95_ms is None or promised.p99_ms is None or promised.error_rate is None:
        not_applicable(stack.profile.missing("[objectives] p95_ms = …, p99_ms = …, error_rate = …"))
    if stack.profile.journey is None:
        not_applicable(stack.profile.missing('[journey] class = "package.module:Class"'))
    return LoadProfile(
        name=f"{wanted.users}-users",
        rate=tuple(constant(wanted.arrivals_per_second, wanted.duration_seconds)),
        users=wanted.users,
        warm_up_seconds=wanted.warm_up_seconds,
        seed=seed,
        objectives=Objectives(promised.p95_ms, promised.p99_ms, promised.error_rate),
    )


def for_seconds(profile: LoadProfile, seconds: float, *, warm_up_seconds: float) -> LoadProfile:
    """The same load for another time."""
    rate = constant(profile.rate[0].begin_rate, seconds)
    return replace(profile, rate=tuple(rate), warm_up_seconds=warm_up_seconds)


def clients_of(stack: Stack, outside: Outside) -> Target:
    """The edge as many clients outside the host reach it.

    Raises:
        CannotTell: the edge publishes no HTTPS port to the outside, or its CA is not known.

    """
    address = outside.host_addresses[0]
    target = target_of(
        stack.edge, address=address, sources=outside.sources(min(MOST_ADDRESSES, stack.profile.load_.users))
    )
    outside.route_to(address)
    return target
