"""The host's own firewall, in a host of its own: what its rules let in is tried with packets, before and after."""

from __future__ import annotations

from collections.abc import Callable

from stack.errors import CannotTell
from stack.model import Stack
from suites.ahead import ahead
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security import host_drill
from suites.security.rules import wall
from suites.security.rules.finding import Finding, judge

PLACES = {
    host_drill.OWN: "the host's own program",
    host_drill.OWN_6: "the host's own program",
    host_drill.PUBLISHED: "a published port",
    host_drill.PUBLISHED_6: "a published port",
    host_drill.CONTAINER: "a container's own address",
    host_drill.CONTAINER_6: "a container's own address",
}
CONTAINERS = (host_drill.CONTAINER, host_drill.CONTAINER_6)


@check(
    "SEC-NET-004",
    title="The firewall rules stop 8080 and 18082-18084 and pass 22, 80 and 443, published ports included",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Ports that Docker publishes pass ufw by: `ufw deny 8080` reads well and stops nothing.",
    remediation="`python -m stack.ops host-firewall up`: ufw's rules, and the same in DOCKER-USER, for IPv4 and IPv6.",
    standards=("CIS-Docker 5.14", "NIST SP 800-190 4.3.3"),
)
@ahead(host_drill.seen, beside=Impact.PASSIVE)
def test_the_firewall_stops_what_it_should(
    stack: Stack, drill: Callable[[], host_drill.Seen], evidence: Evidence
) -> None:
    seen = drill()
    wanted = stack.profile.host_firewall
    if wanted is None:
        raise CannotTell("a firewall was drilled that no profile names")

    unheard = wall.blind(seen.before)
    if unheard:
        raise CannotTell(f"{unheard[0]} is silent without any firewall ({len(unheard)} of {len(seen.before)} are)")
    evidence.table(
        "What answers from outside",
        ("target", "what", "no firewall", "ufw alone", "the rules"),
        [(str(t), PLACES[t.address], seen.before[t], seen.alone[t], seen.after[t]) for t in sorted(seen.after)],
    )
    by_passed = wall.problems(seen.alone, wanted.passes, PLACES, own=CONTAINERS)
    evidence.observed(f"with ufw alone {len(by_passed)} of {len(seen.alone)} targets answer that should not")
    evidence.declared(f"the rules: {' '.join(wanted.command)}")
    judge(
        [Finding(text, what=text) for text in wall.problems(seen.after, wanted.passes, PLACES, own=CONTAINERS)],
        check="SEC-NET-004",
        evidence=evidence,
        profile=stack.profile,
    )
