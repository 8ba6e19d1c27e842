"""Rotation, drilled: new secrets while users write, after which the old ones open nothing and nobody remembers them."""

from __future__ import annotations

from collections.abc import Callable

from stack.errors import CannotTell
from stack.model import Stack
from suites.ahead import ahead
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security import rotation_drill
from suites.security.rules.finding import Finding, judge
from suites.security.rules.rotated import problems


@check(
    "SEC-SEC-006",
    title="Secrets can be rotated under traffic: old ones refused, nothing lost",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A secret that nobody dares to change is changed on the day it has leaked, in a hurry.",
    remediation="`python -m stack.ops secrets rotate NAME... --project P`; have every reader read its file anew at a restart.",
    standards=("OWASP-ASVS 6.4", "NIST SP 800-57 5.3.6", "PCI-DSS 3.7.4"),
)
@ahead(rotation_drill.seen, beside=Impact.INTRUSIVE)
def test_secrets_can_be_rotated_under_traffic(
    stack: Stack, drill: Callable[[], rotation_drill.Seen], evidence: Evidence
) -> None:
    seen = drill()

    evidence.observed(
        f"{seen.before} writes acknowledged before, {seen.during} during and {seen.after} after the rotation of "
        f"{', '.join(rotation_drill.NAMES)}: {seen.losses}"
    )
    evidence.observed("; ".join(f"{name}: old → {old}, new → {new}" for name, (old, new) in seen.logins.items()))
    evidence.measure("the rotation", round(seen.rotation_seconds, 1), "s")
    evidence.measure("longest time without an acknowledged write", round(seen.longest_silence, 1), "s")
    evidence.measure("writes refused or unanswered meanwhile", seen.unsure, "writes")
    if not any(seen.remembered_new.values()):
        raise CannotTell("not even the new secrets are seen in any process' memory, so that the old are not shows nothing")
    found = problems(logins=seen.logins, session_opens=seen.session_opens, remembered=seen.remembered_old)
    found += [("", f"after the rotation: {seen.losses}, expected nothing lost")] if seen.losses else []
    judge(
        [Finding(text, service=service) for service, text in found],
        check="SEC-SEC-006",
        evidence=evidence,
        profile=stack.profile,
    )
