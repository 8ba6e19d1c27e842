"""The host's own firewall, in a host of its own: what its rules let in is tried with packets, before and after."""

from __future__ import annotations

from pathlib import Path

from stack.errors import CannotTell
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
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
UFW_ALONE = 'for port; do ufw allow "$port/tcp" || exit; done; ufw --force enable'
"""What most people type: everything else is denied, and published ports answer all the same."""
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
def test_the_firewall_stops_what_it_should(stack: Stack, evidence: Evidence) -> None:
    wanted = stack.profile.host_firewall
    if wanted is None:
        not_applicable(stack.profile.missing('[host_firewall] pass = [22, 80, 443], stop = [...], command = [...]'))
    folder = (stack.profile.folder or Path.cwd()) / wanted.folder
    ports = (*wanted.passes, *wanted.stops)

    with host_drill.a_host(stack.driver, ports, folder.resolve()) as host:
        before = host.heard()
        host.run(["sh", "-c", UFW_ALONE, "ufw", *map(str, wanted.passes)])
        alone = host.answers(wanted.passes)
        host.run(["ufw", "--force", "reset"])
        host.run(wanted.command)
        after = host.answers(wanted.passes)

    unheard = wall.blind(before)
    if unheard:
        raise CannotTell(f"{unheard[0]} is silent without any firewall ({len(unheard)} of {len(before)} are)")
    evidence.table(
        "What answers from outside",
        ("target", "what", "no firewall", "ufw alone", "the rules"),
        [(str(t), PLACES[t.address], before[t], alone[t], after[t]) for t in sorted(after)],
    )
    by_passed = wall.problems(alone, wanted.passes, PLACES, own=CONTAINERS)
    evidence.observed(f"with ufw alone {len(by_passed)} of {len(alone)} targets answer that should not")
    evidence.declared(f"the rules: {' '.join(wanted.command)}")
    judge(
        [Finding(text, what=text) for text in wall.problems(after, wanted.passes, PLACES, own=CONTAINERS)],
        check="SEC-NET-004",
        evidence=evidence,
        profile=stack.profile,
    )
