"""The front door of this package: what a suite or an experiment needs to break something safely."""

from __future__ import annotations

from chaos.effect import Fault, RevertFailed
from chaos.faults import FAULTS, decode, make
from chaos.fingerprint import Fingerprint
from chaos.heal import Healed, heal
from chaos.injection import Injection, injected
from chaos.journal import Journal

__all__ = [
    "FAULTS",
    "Fault",
    "Fingerprint",
    "Healed",
    "Injection",
    "Journal",
    "RevertFailed",
    "decode",
    "heal",
    "injected",
    "make",
]
