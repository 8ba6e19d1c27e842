"""The machine's own metrics against the machine: an exporter in a container easily tells of the container instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from stack.errors import CannotTell
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, over
from suites.observability.host_counters import KINDS, Comparison, exported, of_kernel, way_out

if TYPE_CHECKING:
    from stack.model import Service, Stack


def _exporters(stack: Stack) -> list[Service]:
    return [s for s in stack.by_role("exporter") if "node-exporter" in (s.image or "").replace("_", "-")]


@check(
    "OBS-SYS-001",
    title="CPU, memory, disk and network metrics agree with the host's own",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="In a container, an exporter without the right mounts tells of its container: a full host then looks idle.",
    remediation="Mount the host's /proc entries (/proc/1/net for the network), /sys and / read-only, and name them to node_exporter.",
)
@over("exporter", _exporters, reason="no service is a node_exporter, so the host is not measured")
def test_host_metrics_agree_with_the_host(stack: Stack, exporter: Service, evidence: Evidence) -> None:
    if not stack.driver.is_local():
        inconclusive("the engine is on another machine, whose kernel can't be asked from here")
    mountpoints = [key[1] for key in exported(_scraped(stack, exporter)) if key[0] == "node_filesystem_size_bytes"]

    before = of_kernel(mountpoints)
    said = exported(_scraped(stack, exporter))
    seen = Comparison(before, said, of_kernel(mountpoints))

    for kind, starts in KINDS.items():
        count = sum(key[0].startswith(starts) for key in said)
        evidence.observed(f"{kind}: {count} values lie between what the kernel said before and after")
    wrong = seen.disagreements()
    device = way_out()
    if device is not None and ("node_network_receive_bytes_total", device) not in said:
        wrong.append(f"the host's way out, {device}, is not measured")
    assert not wrong, f"{exporter.name}: " + "; ".join(wrong[:8])


def _scraped(stack: Stack, exporter: Service) -> str:
    if not exporter.ports:
        raise CannotTell(f"{exporter.name} publishes no port, so it can't be asked at the moment the kernel is")
    host, port = stack.published(exporter, exporter.ports[0].target)
    path = stack.profile.service(exporter.name).metrics_path or "/metrics"
    try:
        answer = requests.get(f"http://{host}:{port}{path}", timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise CannotTell(f"{exporter.name} does not answer: {type(error).__name__}") from error
    return answer.text
