"""Deployments with a defect each, as whoever writes the next one may make it: python -m tests.sabotage.chaos.bad_deploys DEFECT …"""

from __future__ import annotations

import sys
from collections.abc import Callable

from stack.deployment.procedure import Deployment
from stack.deployment.record import Record
from stack.deployment.release import Serving
from stack.ops.__main__ import main


def hasty() -> None:
    """Takes a release for ready as soon as it is started, and tries nothing."""
    Deployment._await_ready = lambda *_: None  # type: ignore[method-assign]
    Deployment._smoke = lambda *_: None  # type: ignore[method-assign]


def trusting() -> None:
    """Does not watch what it has put into service."""
    Deployment._bake = lambda *_: None  # type: ignore[method-assign]


def tidy() -> None:
    """Stops the old colour before the new one has the customers."""
    sound = Deployment._try

    def tidied(self: Deployment, record: Record, candidate: Serving) -> None:
        self.site.remove(record.serve.colour)
        sound(self, record, candidate)

    Deployment._try = tidied  # type: ignore[method-assign]


def stubborn() -> None:
    """Says that a release is no good, and does not take it back."""

    def carried_out(self: Deployment, record: Record, attempt: Callable[[], None]) -> None:
        attempt()

    Deployment._carried_out = carried_out  # type: ignore[method-assign]


DEFECTS: dict[str, Callable[[], None]] = {one.__name__: one for one in (hasty, trusting, tidy, stubborn)}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
