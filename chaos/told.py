"""What services say of themselves while something is broken: their last words, their own metrics, what monitoring knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.http import Refused
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_TIMEOUT_SECONDS = 5.0
_LINES = 200


def refuses(service: str, words: str, *, within: timedelta) -> Probe:
    """The service does not work, and what it has said since it was last started has `words` in it.

    Words of an earlier start don't count, and neither does a service that says them and is well all the same.
    """

    def complaint(stack: Stack) -> str | None:
        for container_id in stack.driver.container_ids(service, all=True):
            container = stack.driver.inspect(container_id)
            started = datetime.fromisoformat(str(container["State"]["StartedAt"])[:19]).replace(tzinfo=UTC)
            said = stack.driver.logs(container_id, since=started, tail=_LINES)
            if (container["State"].get("Health") or {}).get("Status") == "healthy":
                return f"{service} is well"
            if words not in said:
                last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing")
                return f"{service} says {last[:160]!r}, expected {words!r}"
            return None
        return f"{service} has no container"

    return Probe(f"{service} refuses, and says “{words}”", complaint, within)


def says(
    name: str,
    service: str,
    port: int,
    wanted: Mapping[str, float],
    *,
    at_least: bool = False,
    within: timedelta = timedelta(0),
) -> Probe:
    """The service's own /metrics has each of these series, written as there (`up{job="x"}`), with this value (or more)."""

    def complaint(stack: Stack) -> str | None:
        import requests

        address, published = stack.published(service, port)
        try:
            answer = requests.get(f"http://{address}:{published}/metrics", timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"{service} does not answer: {type(error).__name__}"
        found = dict(
            line.rsplit(" ", 1) for line in answer.text.splitlines() if " " in line and not line.startswith("#")
        )
        wrong = [
            f"{series} is {found.get(series, 'missing')}, expected {value:g}"
            for series, value in wanted.items()
            if series not in found or not (float(found[series]) >= value if at_least else float(found[series]) == value)
        ]
        return "; ".join(wrong) or None

    return Probe(name, complaint, within)


def measured(name: str, expression: str, *, within: timedelta = timedelta(0)) -> Probe:
    """Prometheus answers a condition (`x == 0`) with at least one series; while it is away, that is what's wrong."""

    def complaint(stack: Stack) -> str | None:
        try:
            found = stack.prometheus.query(expression)
        except (CannotTell, Refused) as error:
            return str(error)
        return None if found else f"no series has {expression}"

    return Probe(name, complaint, within)


def keeps_running(service: str) -> Probe:
    """The service has not been started anew since it was first asked, in this run and project."""
    known: dict[str, str] = {}

    def complaint(stack: Stack) -> str | None:
        state = stack.container(service).attrs["State"]
        started = str(state["StartedAt"])
        return None if known.setdefault(stack.project, started) == started else f"{service} was started at {started}"

    return Probe(f"{service} was not started anew", complaint)


def answered(name: str, service: str, command: Sequence[str], code: int, words: str) -> Probe:
    """The operator's command (`python -m stack.ops …`), run in the service, ends with `code` and says `words`."""

    def complaint(stack: Stack) -> str | None:
        done = stack.container(service).exec(["python", "-m", "stack.ops", *command], timeout_seconds=30)
        said = done.stdout + done.stderr
        if done.code != code or words not in said:
            return f"{command[0]} ended with {done.code}, saying {said.strip()[-160:]!r}; expected {code} and {words!r}"
        return None

    return Probe(name, complaint)
