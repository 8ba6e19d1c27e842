"""Start a time-scaled copy of the stack's alerting beside it: its own Prometheus, Alertmanager and receiver, on the same targets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from stack.clients.alertmanager import Alertmanager
from stack.clients.http import Refused
from stack.clients.prometheus import Prometheus
from stack.clients.receiver import Receiver
from stack.driver import Driver
from stack.errors import CannotTell
from stack.timescale import DEFAULT_SCALE, scaled, write_scaled
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

PROMETHEUS, ALERTMANAGER, RECEIVER = "prometheus-drill", "alertmanager-drill", "alert-receiver-drill"
_FILES = ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml")
_READY_WITHIN = timedelta(seconds=40)
_EVERY = timedelta(seconds=0.3)
_LOOKBACK, _RESEND = "query.lookback-delta", "rules.alert.resend-delay"
_UNSAID = {_LOOKBACK: "5m", _RESEND: "1m"}
"""Prometheus' own defaults, for a version that does not tell them."""


@dataclass(frozen=True)
class Drill:
    """The scaled alerting while it runs."""

    stack: Stack
    driver: Driver
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: Receiver
    """The copy's own, which is told beside the stack's: its switch is as quick as the rest."""

    def kill(self, service: str) -> None:
        """End one of the copy's programs as a crash would; nothing starts it again."""
        for container_id in self.driver.container_ids(service):
            self.driver.kill(container_id)

    def start(self, service: str) -> None:
        """Start one of the copy's programs that is down."""
        for container_id in self.driver.container_ids(service, all=True):
            self.driver.start(container_id)


@contextmanager
def drill(stack: Stack, *, scale: float = DEFAULT_SCALE) -> Iterator[Drill]:
    """Start the scaled copy beside the stack, wait until it watches everything, and remove it at the end.

    Raises CannotTell when it can't be started or doesn't get ready.
    """
    endpoint = stack.profile.receiver
    twin = (f"{endpoint.service}:{endpoint.port}", f"{RECEIVER}:9095") if endpoint else None
    folder = stack.state_dir / "drill"
    write_scaled(configuration_of(stack), folder, scale, alertmanager=f"{ALERTMANAGER}:9093", twin=twin)
    overlay = stack.root / "stack" / "compose.drill.yaml"
    env = {**stack.driver.env, "SEATRIAL_STATE_DIR": str(stack.state_dir), **_flags(stack, scale)}
    driver = Driver.connect(
        stack.project, [*stack.compose_files, overlay], env=env, project_dir=stack.driver.project_dir
    )
    services = (PROMETHEUS, ALERTMANAGER, RECEIVER)
    try:
        driver.compose("up", "--detach", "--no-deps", "--no-build", *services, timeout_seconds=60)
        running = Drill(
            stack,
            driver,
            Prometheus(_url(driver, PROMETHEUS, 9090)),
            Alertmanager(_url(driver, ALERTMANAGER, 9093)),
            Receiver(_url(driver, RECEIVER, 9095)),
        )
        await_quiet(running)
        yield running
    finally:
        driver.compose("rm", "--stop", "--force", *services, timeout_seconds=60)


def await_quiet(running: Drill) -> None:
    """Wait until the copy watches everything and has nothing to tell but the watchdog. Raises CannotTell when it does not come to that."""
    try:
        eventually(lambda: _watches(running), within=_READY_WITHIN, every=_EVERY, what="the alert drill")
    except AssertionError as error:
        raise CannotTell(f"the alert drill did not get ready: {error}") from error


def configuration_of(stack: Stack) -> Path:
    """The folder that holds `prometheus/` and `alertmanager/`: where both services mount their configuration from.

    Raises CannotTell when they keep it elsewhere.
    """
    for service in stack.by_role("metrics"):
        for mount in service.mounts:
            folder = Path(mount.source).parent
            if mount.kind == "bind" and all((folder / file).is_file() for file in _FILES):
                return folder
    raise CannotTell(f"no folder with {' and '.join(_FILES)} is mounted, so there is nothing to make a drill of")


def _flags(stack: Stack, scale: float) -> dict[str, str]:
    """What of the stack's timing is no line of a configuration file, scaled: two flags, and the patience of the receiver's switch."""
    flags = {**_UNSAID, **stack.prometheus.flags()}
    patience = float(stack.receiver.watchdog()["within_seconds"]) * scale
    return {
        "SEATRIAL_DRILL_LOOKBACK": scaled(flags[_LOOKBACK], scale),
        "SEATRIAL_DRILL_RESEND": scaled(flags[_RESEND], scale),
        "SEATRIAL_DRILL_WATCHDOG": f"{patience:.3f}",
    }


def _watches(running: Drill) -> bool:
    """Every rule has been evaluated, nothing but the watchdog is on its way, and the receiver is there to hear it: a quiet beginning."""
    try:
        targets, rules = running.prometheus.targets(), running.prometheus.rules()
        listens = running.receiver.is_healthy()
    except Refused:  # 503 while it starts
        return False
    excluded = running.stack.excluded
    watched = [t for t in targets if t.labels.get("service") not in excluded]
    quiet = {a.name for a in running.prometheus.alerts()} <= {running.stack.profile.alerts.watchdog or "Watchdog"}
    return bool(watched) and all(t.is_up for t in watched) and all(rule.health == "ok" for rule in rules) and quiet and listens


def _url(driver: Driver, service: str, port: int) -> str:
    for container_id in driver.container_ids(service):
        for binding in driver.inspect(container_id)["NetworkSettings"]["Ports"].get(f"{port}/tcp") or []:
            return f"http://{binding['HostIp']}:{binding['HostPort']}"
    raise CannotTell(f"{service} publishes no {port}/tcp")
