"""Our own program inside a target's network namespace, with new connections sent through it: nothing of the target is rewired.

The program runs in a helper container that joins the namespace, under a uid that nobody else has. A REDIRECT at the head of the
nat table's OUTPUT sends it what goes to the chosen address; its own uid is exempt, or its connections would come back to it.
Several can stand one behind another: each newcomer takes the next uid, is put first, and exempts the uids before its own, so that
what leaves one program meets the next, and none twice. Connections that stand already are not touched: the kernel decides about
a connection at its start.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chaos import netns
from chaos.faults import rules
from stack.errors import CannotTell
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from stack.model import Stack

_FIRST_UID = 31337
_FIRST_PORT = 28000  # below the ports that the kernel gives to connections by itself (from 32768)
_PORTS_EACH = 16
_UIDS = re.compile(r"--uid-owner (\d+)(?:-(\d+))?")
_READY_WITHIN = timedelta(seconds=10)
DRAINS_WITHIN = timedelta(seconds=5)
"""How long an answer that is under way may take to come through: as long as customers wait for one."""
_taking_places = threading.Lock()  # two faults begun at once in one process must not take the same place


@dataclass(frozen=True)
class Place:
    """What one helper has for itself in a namespace: a uid and some ports."""

    number: int

    @property
    def uid(self) -> int:
        """Who its program runs as."""
        return _FIRST_UID + self.number

    @property
    def control(self) -> int:
        """The port its program is told what to do on."""
        return _FIRST_PORT + _PORTS_EACH * self.number

    def port(self, index: int) -> int:
        """The port for the `index`-th address. Raises CannotTell for more addresses than a helper has ports."""
        if index + 1 >= _PORTS_EACH:
            raise CannotTell(f"more than {_PORTS_EACH - 1} addresses are not put behind one helper")
        return self.control + 1 + index

    def redirect(self, match: Sequence[str], port: int, *, ipv6: bool = False) -> rules.Rule:
        """The rule that sends what matches to `port`, unless it comes from this helper or one that stood before it."""
        words = (*match, *self._not_ours())
        return rules.Rule("OUTPUT", words, ("REDIRECT", "--to-ports", str(port)), table="nat", first=True, ipv6=ipv6)

    def straight(self, match: Sequence[str], target: Sequence[str], *, ipv6: bool = False) -> rules.Rule:
        """The rule for what matches and goes there past all helpers: connections that stood before them.

        (The filter table comes after the nat table, where what goes through a helper has another destination already.)
        """
        return rules.Rule("OUTPUT", (*match, *self._not_ours()), tuple(target), ipv6=ipv6)

    def _not_ours(self) -> tuple[str, ...]:
        exempt = f"{_FIRST_UID}-{self.uid}" if self.number else str(_FIRST_UID)
        return ("-m", "owner", "!", "--uid-owner", exempt)


@contextmanager
def place_in(stack: Stack, container: dict[str, Any]) -> Iterator[Place]:
    """The next free place in the container's namespace, held until the block has made its rules."""
    with _taking_places:
        ours = rules.standing(stack, container, "seatrial-")
        taken = [int(seen[2] or seen[1]) for rule in ours if (seen := _UIDS.search(" ".join(rule.words)))]
        yield Place(max(taken, default=_FIRST_UID - 1) + 1 - _FIRST_UID)


def start(
    stack: Stack,
    container: dict[str, Any],
    place: Place,
    argv: Sequence[str],
    *,
    labels: Mapping[str, str],
    is_ready: Callable[[], bool],
    what: str,
) -> None:
    """Start the program in the container's namespace and wait until it is ready. It ends by itself with the lease.

    Raises CannotTell when the helper can't be had or is not ready in time.
    """
    lease = str(int(rules.LEASE.total_seconds()))
    stack.driver.run_helper(
        ["timeout", lease, *argv],
        network=f"container:{container['Id']}",
        user=str(place.uid),
        detach=True,
        labels={**labels, "seatrial.place": str(place.number)},
    )
    try:
        eventually(is_ready, within=_READY_WITHIN, every=timedelta(milliseconds=20), what=what)
    except AssertionError as error:
        raise CannotTell(f"{what} does not start in the network of {container['Name'].lstrip('/')}") from error


def of_fault(stack: Stack, labels: Mapping[str, str]) -> list[tuple[dict[str, Any], Place]]:
    """The helpers with these labels that run, as inspect documents, each with its place."""
    found = []
    for entry in stack.driver.helpers(**labels):
        with suppress(CannotTell):  # it may have gone since it was listed
            container = stack.driver.inspect(entry["Id"])
            if container["State"].get("Pid"):
                found.append((container, Place(int(entry["Labels"]["seatrial.place"]))))
    return found


def drained(stack: Stack, helpers: Iterable[tuple[dict[str, Any], Place]], *, within: timedelta) -> None:
    """Wait until no connection goes through the helpers, so that what is under way ends in peace; at once where none does.

    `within` is for all of them together. A connection that its owners keep for later uses lasts longer; it ends with the helper.
    """
    deadline = time.monotonic() + within.total_seconds()

    def quiet(container: dict[str, Any], place: Place) -> bool:
        last = place.control + _PORTS_EACH - 1
        argv = ["ss", "-Htn", "state", "established", f"( sport >= :{place.control + 1} and sport <= :{last} )"]
        try:
            return not netns.run(stack, container, *argv).strip()
        except CannotTell:
            return True  # the helper has just gone, and with it whatever went through it

    for container, place in helpers:
        left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
        with suppress(AssertionError):  # kept open by its owners
            eventually(lambda c=container, p=place: quiet(c, p), within=left, every=timedelta(milliseconds=50))  # type: ignore[misc]
    pause(0.02)  # the last answer is on its way from the helper to the target
