"""What came of an experiment: its outcome, why, and what happened when, second by second."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

from chaos.effect import RevertFailed
from chaos.sampling import Series

if TYPE_CHECKING:
    from chaos.customers import Seen


class Outcome(Enum):
    """What an experiment showed about its hypothesis."""

    HELD = "held"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"
    REVERT_FAILED = "revert failed"


@dataclass(frozen=True)
class Line:
    """One step of an experiment's timeline."""

    at_seconds: float
    step: str
    text: str


@dataclass(frozen=True)
class Deed:
    """One thing that was done or asked, for how long, and whether it came off; times in seconds on the monotonic clock."""

    phase: str
    """before, method, after or rollback: Chaos Toolkit's parts of an experiment."""
    name: str
    began: float
    ended: float
    ok: bool
    said: str = ""


@dataclass
class Band:
    """How long a fault stood, on the monotonic clock."""

    fault: str
    began: float
    ended: float | None = None
    """When it was proved gone; None when it never was."""


@dataclass
class Verdict:
    """What came of an experiment, with the timeline that shows it."""

    outcome: Outcome
    reason: str
    lines: list[Line] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    allowed: dict[str, float | None] = field(default_factory=dict)
    """The longest outage of each series that was promised, in seconds; None where nothing was."""
    recovery_seconds: float | None = None
    """From the revert (or, unaided, from the fault) to the steady state."""
    overhead_seconds: float | None = None
    """What the state before, injecting, reverting and proving took, beyond the time the fault (the last one) stood."""
    settled_seconds: float = 0.0
    """How long the stack was waited for before it was steady, when it wasn't at once."""
    waited_seconds: float = 0.0
    """How long a target had to be left alone first, so that no restart back-off was measured."""
    failure: RevertFailed | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    zero: float = 0.0
    """The same moment on the monotonic clock: what every time of the timeline counts from."""
    ended: float = 0.0
    deeds: list[Deed] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    recovery: tuple[float, float] | None = None
    """From when to when, on the monotonic clock."""
    customers: Seen | None = None
    """What the customers of the base load met meanwhile."""
    without_customers: str = ""
    """Why there were none."""
