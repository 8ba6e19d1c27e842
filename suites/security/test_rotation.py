"""Rotation, drilled: new secrets while users write, after which the old ones open nothing and nobody remembers them."""

from __future__ import annotations

from stack.errors import CannotTell
from stack.model import Stack
from stack.project import COMPOSE_FILE
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
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
def test_secrets_can_be_rotated_under_traffic(stack: Stack, running: Stack, evidence: Evidence) -> None:
    if running.compose_files[:1] != (COMPOSE_FILE,):
        not_applicable("how another stack's secrets are rotated is not known; ours are, by `stack.ops secrets rotate`")

    with rotation_drill.drilled(running) as drill:
        readers = [c for c in drill.stack.containers() if c.is_running]
        changed = {name: drill.old[name] for name in rotation_drill.NAMES}
        remembered_old = rotation_drill.remembered(readers, changed)
        remembered_new = rotation_drill.remembered(readers, {name: drill.new[name] for name in changed})
        logins = {
            wallet.service: (
                rotation_drill.login_status(drill.stack, wallet, drill.old[wallet.password_secret]),
                rotation_drill.login_status(drill.stack, wallet, drill.new[wallet.password_secret]),
            )
            for wallet in drill.stack.profile.wallets.values()
        }
        session_opens = rotation_drill.opens(drill.stack, drill.old_session)
        losses = drill.journey.verify(drill.writer.acks)

    before, after = drill.acks(after=False), drill.acks(after=True)
    evidence.observed(
        f"{len(before)} writes acknowledged before, {len(drill.writer.acks) - len(before) - len(after)} during and "
        f"{len(after)} after the rotation of {', '.join(rotation_drill.NAMES)}: {losses}"
    )
    evidence.observed("; ".join(f"{name}: old → {old}, new → {new}" for name, (old, new) in logins.items()))
    evidence.measure("the rotation", round(drill.ended - drill.began, 1), "s")
    evidence.measure("longest time without an acknowledged write", round(drill.longest_silence, 1), "s")
    evidence.measure("writes refused or unanswered meanwhile", len(drill.writer.unsure), "writes")
    if not any(remembered_new.values()):
        raise CannotTell("not even the new secrets are seen in any process' memory, so that the old are not shows nothing")
    found = problems(logins=logins, session_opens=session_opens, remembered=remembered_old)
    found += [("", f"after the rotation: {losses}, expected nothing lost")] if losses else []
    judge(
        [Finding(text, service=service) for service, text in found],
        check="SEC-SEC-006",
        evidence=evidence,
        profile=stack.profile,
    )
