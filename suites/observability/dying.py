"""What an exporter has to say of a wallet that has just died, and what it must no longer say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from suites.observability.exposition import Exposition

UP = "monero_wallet_up"
CALLS = "monero_wallet_rpc_calls_total"
ERRORS = "monero_wallet_rpc_errors_total"
TIMED = "monero_wallet_rpc_duration_seconds_count"
NAME = "wallet_name"


@dataclass(frozen=True)
class Death:
    """A wallet that died between two scrapes."""

    wallet: str
    others: tuple[str, ...]
    before: Exposition
    after: Exposition
    """The first scrape that was begun after its death."""
    later: Exposition
    """One from when it lived again: a call that hung is counted once it was given up, which may be after its scrape."""
    limit_seconds: float
    """After which the metrics store gives a scrape up, so that nothing at all would be known."""


def complaints(death: Death) -> list[str]:
    """What is wrong with the scrape after the death, in a sentence each."""
    return [
        *_of_the_dead(death.after, death.wallet),
        *[wrong for other in death.others for wrong in _of_the_living(death, other)],
        *_of_the_scrape(death),
    ]


def gauges(exposition: Exposition, wallet: str) -> dict[str, float]:
    """The wallet's gauges by series name, whether it is up included."""
    return {
        sample.name: sample.value
        for family in exposition.families
        if family.type in ("gauge", "unknown")
        for sample in family.samples
        if sample.labels.get(NAME) == wallet
    }


def _of_the_dead(after: Exposition, wallet: str) -> list[str]:
    shown = gauges(after, wallet)
    up = shown.pop(UP, None)
    found = []
    if up is None:
        found.append(f"{wallet}: {UP} is missing, expected 0")
    elif up != 0:
        found.append(f"{wallet}: {UP} is {up:g}, expected 0")
    if shown:
        found.append(f"{wallet}: still has values of when it lived: {', '.join(sorted(shown))}")
    return found


def _of_the_living(death: Death, other: str) -> list[str]:
    now, then = gauges(death.after, other), gauges(death.before, other)
    if now.get(UP) != 1:
        return [f"{other}: {UP} is {now.get(UP)}, expected 1: it suffers from the death of {death.wallet}"]
    if lost := sorted(then.keys() - now.keys()):
        return [f"{other}: lost {', '.join(lost)} with the death of {death.wallet}"]
    return []


def _of_the_scrape(death: Death) -> list[str]:
    found = []
    if death.after.seconds >= death.limit_seconds:
        found.append(f"the scrape took {death.after.seconds:.1f} s, expected less than {death.limit_seconds:g} s")
    if gauges(death.later, death.wallet).get(UP) != 1:
        found.append(f"{death.wallet}: is not reported up again although it lives")
    if death.later.total(ERRORS) <= death.before.total(ERRORS):
        found.append(f"{ERRORS} did not grow, so calls without an answer count as something else")
    return found + miscounted(death.later)


def miscounted(exposition: Exposition) -> list[str]:
    """Methods whose calls are counted more or less often than once each, as success or as error."""
    timed = exposition.samples(TIMED)
    found = []
    for method in sorted({dict(labels)["method"] for labels in timed}):
        made, counted = exposition.total(TIMED, method=method), exposition.total(CALLS, method=method)
        if made != counted:
            found.append(f"{method}: {made:g} calls were made, and {CALLS} counts {counted:g}")
    return found
