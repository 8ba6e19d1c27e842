"""Who serves, asked from outside and not of the deployment: the edge's answer, the edge's file, and who holds the lock."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from stack.deployment.compose_site import active_in
from stack.deployment.record import Book
from stack.deployment.release import COLOURS, Release, Serving
from stack.deployment.running import LOCK
from stack.errors import CannotTell
from stack.lock import Lock, Taken

if TYPE_CHECKING:
    from chaos.sampling import Series
    from stack.edge import Edge
    from stack.model import Stack

_NOBODY_THERE = (502, 503, 504)


def named(stack: Stack) -> str:
    """The colour that active.conf names. Raises CannotTell when it names none."""
    return active_in((stack.state_dir / "edge" / "active.conf").read_text())


def running_as(stack: Stack, colour: str) -> Serving:
    """The colour with the release that it runs. Raises CannotTell when it does not run."""
    attrs = stack.container(colour).attrs
    return Serving(colour, Release(str(attrs["Config"]["Image"]), str(attrs["Image"])))


def answering(stack: Stack) -> str | None:
    """The colour that answers a customer; None when nobody does."""
    import requests

    try:
        with stack.edge.session(timeout_seconds=2) as session:
            answer = session.get("/health")
        colour = f"server-{json.loads(answer.text)['colour']}" if answer.ok else None
    except (requests.RequestException, CannotTell, ValueError, KeyError):
        return None
    return colour if colour in COLOURS else None


def sent_away(edge: Edge) -> str | None:
    """How a customer is sent away, with nobody there to serve; None for one who is served, or has to wait."""
    import requests

    try:
        with edge.session(timeout_seconds=5) as session:
            status = session.get("/health").status_code
    except requests.Timeout:
        return None
    except requests.RequestException as error:
        return type(error).__name__
    return f"status {status}" if status in _NOBODY_THERE else None


def away_seconds(series: Series) -> float:
    """For how long customers were sent away and nothing else, at most. One answer alone is none: whoever comes again is served,
    and a slow machine's next answer, late as it may be, is no outage.
    """
    runs = [list(run) for wrong, run in groupby(series.samples, lambda one: one.complaint is not None) if wrong]
    return max((run[-1].at + run[-1].seconds - run[0].at for run in runs if len(run) > 1), default=0.0)


def locked(book: Book) -> str | None:
    """What holds the lock though no deployment is under way; a child of a killed one may, for a few seconds."""
    lock = Lock(book.path.with_name(LOCK), why="the lock of deployments is still held")
    try:
        lock.take()
    except Taken as taken:
        return str(taken)
    lock.drop()
    return None
