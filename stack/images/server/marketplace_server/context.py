"""What a route needs, handed to it by name, so that no route reaches for a global."""

from dataclasses import dataclass, field

from starlette.requests import Request

from .database import Database
from .escrow.worker import Worker
from .metrics import Metrics
from .passwords import Passwords
from .sessions import Sessions
from .settings import Settings
from .wallets import Wallets


@dataclass(frozen=True, kw_only=True)
class Context:
    """The server's parts."""

    settings: Settings
    metrics: Metrics
    database: Database
    passwords: Passwords
    sessions: Sessions
    wallets: Wallets
    worker: Worker | None = None
    """Moves the escrows along; None where no wallets are configured to do it with."""
    draining: list[bool] = field(default_factory=lambda: [False])
    """One flag, shared with the HTTP server's signal handler."""


def context(request: Request) -> Context:
    """Return the parts of the application that got this request."""
    found: Context = request.app.state.context
    return found
