"""What a rule answers: each offence with its place, so that a check can name them all and a profile can accept one by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.located import Where
    from stack.profile import Profile
    from suites.check import Evidence


@dataclass(frozen=True)
class Finding:
    """One offence: observed and expected in `text`, the file and line in `where`, the exact thing in `what`, so that it can be excepted."""

    text: str
    where: Where | None = None
    what: str = ""
    service: str = ""

    def __str__(self) -> str:
        return f"{self.text} [{self.where}]" if self.where else self.text


def judge(
    findings: Iterable[Finding],
    *,
    check: str,
    evidence: Evidence,
    profile: Profile | None = None,
    service: str | None = None,
) -> None:
    """Fails with every finding that the profile does not accept by name; accepted ones become evidence with their reason.

    Raises:
        AssertionError: findings stand.

    """
    standing = []
    for finding in dict.fromkeys(findings):
        accepted = (
            profile.excepted(check, finding.service or service, finding.what or None) if profile is not None else None
        )
        if accepted is not None:
            evidence.declared(f"accepted by the profile ({accepted.reason}): {finding.text}", finding.where)
            continue
        standing.append(finding)
        if finding.where is not None:
            evidence.where(finding.where)
    assert not standing, "\n".join(str(finding) for finding in standing)
