"""Shows at the beginning of a run what each service of a stranger's stack is taken for, so that a wrong guess is seen and corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.visible import visible

if TYPE_CHECKING:
    from stack.model import Stack

MOST = 40
"""Services that are listed: a file with more is better read in its report, where each stands beside its checks."""


def roles_of(stack: Stack) -> list[str]:
    """A line for each service whose role no profile tells: its name, the role, and what it was told by."""
    told = [service for service in stack.services if stack.profile.service(service.name).role is None]
    if not told:
        return []
    width = max(len(service.name) for service in told)
    lines = [f"  {service.name:{width}}  {service.role:12}  {visible(service.role_reason)}" for service in told[:MOST]]
    rest = [f"  … and {len(told) - MOST} more services"] if len(told) > MOST else []
    return ["roles, as inferred (a profile overrides them: [services.NAME] role = …):", *lines, *rest]
