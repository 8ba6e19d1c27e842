"""Reads what a program exposes of itself at this moment, past any metrics store: a store's view is up to one scrape old."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
from prometheus_client.parser import text_string_to_metric_families

from stack.errors import CannotTell
from suites.check import not_applicable

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from stack.model import Service, Stack
    from stack.profile import Endpoint

_PATIENCE_SECONDS = 20.0

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Exposition:
    """One scrape: the text, and how long it took to come."""

    text: str
    seconds: float

    @property
    def families(self) -> list[Metric]:
        """The metrics by family, types and help included. Raises CannotTell for a text that is no exposition."""
        try:
            return list(text_string_to_metric_families(self.text))
        except ValueError as error:
            raise CannotTell(f"the metrics can't be read: {error}") from error

    def samples(self, name: str) -> dict[Labels, float]:
        """The values of a series name by their labels; `le` of a histogram's buckets is one of them."""
        return {
            frozenset(sample.labels.items()): sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name
        }

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series of this name with these labels; 0 without any."""
        wanted = labels.items()
        return sum(value for found, value in self.samples(name).items() if wanted <= dict(found).items())


def scrape(url: str) -> Exposition:
    """Ask once, as a metrics store does. Raises CannotTell when nothing usable comes."""
    began = time.monotonic()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=_PATIENCE_SECONDS)
            answer.raise_for_status()
    except requests.RequestException as error:
        raise CannotTell(f"{url} gives no metrics ({type(error).__name__})") from error
    return Exposition(answer.text, time.monotonic() - began)


def wallet_exporter(stack: Stack) -> Endpoint:
    """The exporter of the wallets, as promised; NOT_APPLICABLE where the profile names none."""
    said = stack.profile.wallet_metrics
    if said is None:
        not_applicable(stack.profile.missing("[wallet_metrics] service = …, port = …"))
    return said


def of_wallets(stack: Stack) -> Exposition:
    """What the wallet exporter exposes now. Raises CannotTell when it does not answer."""
    return scrape(stack.url(wallet_exporter(stack)))


def applications(stack: Stack) -> list[Service]:
    """The applications in service whose own metrics are promised."""
    return [s for s in stack.by_role("application") if stack.profile.service(s.name).metrics_path and not s.idle]


def of_service(stack: Stack, service: Service) -> Exposition:
    """What a service exposes now, asked at its container's own address: most publish no port for it.

    Raises:
        CannotTell: the engine is on another machine, the profile does not say at which port, or nothing answers.

    """
    said = stack.profile.service(service.name)
    if not stack.driver.is_local():
        raise CannotTell(f"the engine is on another machine: {service.name} can't be asked at its own address")
    port = next(_tcp_ports(said.listens or ()), None)
    if port is None:
        raise CannotTell(stack.profile.missing(f'[services.{service.name}] listens = ["PORT/tcp"]'))
    addresses = stack.container(service).addresses()
    if not addresses:
        raise CannotTell(f"{service.name} has no address of its own to be asked at")
    address = addresses[min(addresses)]
    host = f"[{address}]" if ":" in address else address
    return scrape(f"http://{host}:{port}{said.metrics_path}")


def grown(before: Mapping[Labels, float], after: Mapping[Labels, float]) -> dict[Labels, float]:
    """By how much each series grew; those that did not are left out."""
    return {labels: value - before.get(labels, 0) for labels, value in after.items() if value != before.get(labels, 0)}


def _tcp_ports(listens: tuple[str, ...]) -> Iterator[int]:
    return (int(port) for port, _, protocol in (spec.partition("/") for spec in listens) if protocol == "tcp")
