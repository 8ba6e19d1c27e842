"""LOAD-MET: what the server says of its own latency is what its clients saw, or every objective computed from it is a guess."""

from __future__ import annotations

from load.runner import Summary
from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, not_applicable
from suites.load.agreement import PERCENTILES, Timed, apart, uncounted
from suites.load.scraped import Scraped

EDGES_SECONDS = 0.5
"""The looks at the server fall this long before or after the begin and the end of what clients count, at most."""
EDGES_SHARE = 0.02


@check(
    "LOAD-MET-001",
    title="The server's own latency histogram agrees with the client's",
    area=Area.LOAD,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Objectives and alerts are computed from the server's histogram; one that starts its clock late, or leaves requests out, is always green.",
    remediation="Start the clock at the request's head and stop it after the last byte, around everything else, for every route and status.",
    standards=("SRE Workbook 2",),
)
def test_the_servers_histogram_agrees_with_the_clients(
    running: Stack, gate_run: Summary, server_side: Scraped, evidence: Evidence
) -> None:
    names = running.profile.application_metrics
    if names is None:
        not_applicable(running.profile.missing("[application_metrics]"))
    promised = running.profile.objectives.p95_ms
    assert promised is not None  # plan_of asked for it
    if gate_run.saturation:
        inconclusive(f"the generator was saturated, so its clock is no measure: {'; '.join(gate_run.saturation)}")

    server = server_side.timed(names, but=routes_of_its_own(running))

    require_agreement(server, gate_run, evidence, allowed_seconds=promised / 2 / 1e3)


def routes_of_its_own(stack: Stack) -> list[str]:
    """What the stack itself asks the application all the time: no client's request."""
    said = stack.profile.stack
    metrics = [stack.profile.service(service.name).metrics_path or "" for service in stack.by_role("application")]
    return [*said.internal_paths, said.health_path, *metrics]


def require_agreement(server: Timed, run: Summary, evidence: Evidence, *, allowed_seconds: float) -> None:
    """Hold both clocks together. The clients' may show half of the p95 objective more: the edge's and the network's share."""
    record = run.record
    if not server.total:
        raise CannotTell("the server's histogram did not move, so there is nothing to compare")
    evidence.table(
        "the same seconds by two clocks",
        ("percentile", "server, up to ms", "client, ms"),
        [
            (
                f"p{p}",
                f"{server.bounds[server.bucket_of(p)] * 1e3:g}",
                f"{record.service_time.get_value_at_percentile(p) / 1e3:.1f}",
            )
            for p in PERCENTILES
        ],
    )
    evidence.measure("requests in the server's histogram", server.total, "requests")
    evidence.measure("requests made", record.requests, "requests")
    slack = record.requests * EDGES_SHARE + EDGES_SECONDS * record.requests / record.seconds
    wrong = [
        uncounted(server, answered=record.requests, failed=record.failed, slack=slack),
        *(apart(server, record.service_time, percent, allowed_seconds=allowed_seconds) for percent in PERCENTILES),
    ]
    said = [one for one in wrong if one]
    assert not said, f"application: {'; '.join(said)}"
