"""The original checklist's sixteen boxes, each with the checks that stand for it: what used to be ticked by hand, from
memory.

Why this exists: people ask for the boxes by name. A box is ticked when every one of its checks passed, and by nothing
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.outcome import Outcome


@dataclass(frozen=True)
class Box:
    """One line of the original checklist and the ids that stand for it."""

    name: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class BoxState:
    """Whether a box is ticked; else which of its checks did not pass (``id: outcome``), and which there was no result
    of.
    """

    ticked: bool
    open: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    applies: bool = True


def state_of(box: Box, outcomes: Mapping[str, Outcome]) -> BoxState:
    """The state of ``box`` given the outcome of every check that ran."""
    missing = tuple(id_ for id_ in box.ids if id_ not in outcomes)
    ran = {id_: outcomes[id_] for id_ in box.ids if id_ in outcomes}
    open_ = tuple(f"{id_}: {outcome.words}" for id_, outcome in ran.items() if outcome is not Outcome.PASS)
    applies = bool(missing) or any(outcome is not Outcome.NOT_APPLICABLE for outcome in ran.values())
    return BoxState(not open_ and not missing, open_, missing, applies)


def _ids(subject: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{subject}-{number:03}" for number in numbers)


BOXES = (
    Box("No hardcoded credentials", ("SEC-CMP-003", "SEC-IMG-003", "SEC-SEC-004", "SEC-SEC-005", "SEC-AUTH-002")),
    Box("Secrets encrypted at rest", _ids("SEC-SEC", 1, 2, 3)),
    Box("TLS 1.3", _ids("SEC-TLS", 1, 2, 3, 4)),
    Box("HSTS", ("SEC-HDR-001", "SEC-TLS-012")),
    Box("Rate limiting", _ids("SEC-RATE", 1, 2, 3, 4)),
    Box("Firewall", ("SEC-CMP-004", *_ids("SEC-NET", 1, 3, 4))),
    Box("Database encrypted", _ids("SEC-DB", 1, 2, 3)),
    Box("Backups encrypted", (*_ids("SEC-BAK", 1, 2, 3), "RST-DB-002")),
    Box("Containers run as non-root", ("SEC-IMG-001", "SEC-RUN-001", "SEC-RUN-002", "SEC-RUN-003")),
    Box("Comprehensive logging", _ids("OBS-LOG", 1, 2, 3)),
    Box("Database restore tested", _ids("RST-DB", 3, 4, 5, 6, 9, 10)),
    Box("Wallet restore tested", _ids("RST-WAL", 1, 2, 3, 6)),
    Box("Load tests passed", (*_ids("LOAD-SLO", 1, 2, 3), "LOAD-GEN-001")),
    Box("SLA, RTO and RPO defined", ("OPS-DOC-004", "RST-SYS-002")),
    Box("Blue-green deployment", _ids("FLV-BG", 1, 2, 3, 4)),
    Box("Incident playbook", _ids("OPS-DOC", 1, 2)),
)
