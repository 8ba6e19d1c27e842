"""The live stack under a list of deployments: does each as the operator would, while customers order, and looks who serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chaos.faults.process import crash
from chaos.faults.targets import running
from chaos.machines.customers import Customers, PassingTrade
from chaos.machines.deploying import Deploying
from chaos.machines.frozen import frozen
from chaos.machines.plan import Step
from chaos.machines.releases import BAD
from chaos.machines.who_serves import answering, away_seconds, locked, named, running_as, sent_away
from chaos.probes import healthy
from chaos.sampling import Sampler
from stack.clients.market import Account, Listing
from stack.deployment.compose_site import EDGE
from stack.deployment.record import Book, Record
from stack.deployment.release import COLOURS, Serving, other
from stack.errors import CannotTell
from stack.waiting import eventually, pause

if TYPE_CHECKING:
    from stack.model import Stack

BAKE = "1s"
READY = "60s"
SOON = "4s"
"""For a release that never gets ready."""
_WELL_WITHIN = timedelta(seconds=45)
"""A killed edge or colour is back in seconds; what a killed deployment had asked compose for takes a few more."""
_EVERY = timedelta(milliseconds=200)
_PAUSED_SECONDS = 1.0
_UNNOTICED_SECONDS = 1.0
"""Who comes again a moment later is served; a server takes longer than this to start."""
_ORDERS_A_STEP, _SECONDS_BETWEEN = 400, 0.2
DONE, REFUSED, BAD_INPUT = 0, 1, 4


@dataclass(frozen=True)
class Parties:
    """One buyer and one vendor with something to sell."""

    tokens: Mapping[str, str]
    accounts: Mapping[str, Account]
    listing: Listing


class Rollout:
    """A stack whose edge sends customers to one of two colours."""

    def __init__(
        self,
        stack: Stack,
        customers: Customers,
        book: Book,
        command: Sequence[str],
        images: Mapping[str, str],
        home: Serving,
    ) -> None:
        """`home` is who serves when all is over: as it was found."""
        self._stack, self._customers, self._book = stack, customers, book
        self._command, self._images, self._home = command, images, home
        self._seen: list[str] = []
        self._wave = 0
        self._steps: Mapping[str, Callable[..., str]] = {
            "deploy": self._deploy,
            "rollback": self._rollback,
            "kill": self._kill,
            "hit": self._hit,
            "order": self._order,
        }

    def perform(self, step: Step) -> str:
        """Do it as the list says, and let customers order meanwhile."""
        return self._steps[step.name](**step.parameters)

    def complaints(self) -> Sequence[str]:
        """One colour serves, and it is the one that active.conf names; and what customers see."""
        found, self._seen = self._seen, []
        found += self._unserved()
        with suppress(CannotTell):
            found += self._customers.look()
        return list(dict.fromkeys(found))

    def end(self) -> None:
        """Go home: that is the deployment after the last one, and whatever became of that one, it must work."""
        if unserved := self._unserved():
            raise AssertionError("; ".join(unserved))
        served = self._expected()
        if served.colour == other(self._home.colour) and served.release.id == self._home.release.id:
            self._works("deploy", next(iter(self._images.values())), "--blue-green")
        # In its own colour it is replaced where it stands, which is what a deployment without --blue-green is.
        there = self._expected().colour == self._home.colour
        self._works("deploy", self._home.release.image, *([] if there else ["--blue-green"]))

    def finish(self) -> Sequence[str]:
        """Every order is there once, and nothing but who served is left: no other colour, no lock, no helper."""
        self._customers.ask_for_all_again()
        if not self._customers.book.acknowledged:
            raise CannotTell("no order was acknowledged, so none could be lost")
        (found,) = eventually(lambda: (self._customers.look(),), within=_WELL_WITHIN, every=_EVERY, what="customers")
        return [*found, *self._left_over()]

    def _deploy(self, release: str) -> str:
        before = self._expected()
        words = [self._images[release], "--blue-green", "--ready-within", SOON if release == "never-ready" else READY]
        edge = self._stack.edge
        with Sampler(lambda: sent_away(edge)) as asking, self._deploying("deploy", *words) as process:
            code = process.ends()
        away, said = away_seconds(asking.stop()), process.said
        after = self._serves()
        if release in BAD:
            assert code == REFUSED, f"{release} was deployed with exit code {code}: {said}"
            assert (after.colour, after.release.id) == (before.colour, before.release.id), (
                f"{release} was refused, and {after} serves instead of {before}"
            )
        else:
            assert code == DONE, f"{release} is sound, and its deployment ended with {code}: {said}"
            assert after.release.image == self._images[release], f"{release} was deployed, and {after} serves"
            assert away <= _UNNOTICED_SECONDS, f"customers were sent away for {away:.1f} s while {release} was deployed"
        self._insist_on_one(after.colour)
        return said

    def _rollback(self) -> str:
        record = self._book.read()
        expected = DONE if record is not None and (record.previous or not record.is_settled) else BAD_INPUT
        with self._deploying("rollback") as process:
            code = process.ends()
        assert code == expected, f"a rollback ended with {code}, expected {expected}: {process.said}"
        if expected == DONE:
            self._insist_on_one(self._serves().colour)
        return process.said

    def _kill(self, release: str, phase: str, later_ms: int) -> str:
        with self._deploying("deploy", self._images[release], "--blue-green") as process:
            if not process.reaches(phase):
                return f"it ended with {process.ends()} before it came to {phase}"
            pause(later_ms / 1000)
            process.kill()
        left = self._book.read()
        return f"killed {later_ms} ms after {phase} began; {left.phase if left else 'nothing'} is written down"

    def _hit(self, release: str, phase: str, effect: str, target: str) -> str:
        with self._deploying("deploy", self._images[release], "--blue-green") as process:
            came = self._struck(effect, target) if process.reaches(phase) else f"it never came to {phase}"
            code = process.ends()
        # Whoever is hit, it ends in one of two ways, and what it says can be believed.
        assert code in (DONE, REFUSED), f"it was hit and ended with {code}: {process.said}"
        return f"{came}; it ended with {code}: {process.said}"

    def _order(self, key: int) -> str:
        return self._customers.order(f"{self._customers.nonce}-{key}", buyer=0, listing=0)

    def _struck(self, effect: str, target: str) -> str:
        """Kill or freeze whoever plays that part now. A crash leaves nothing to undo: the restart policy acts."""
        serving = named(self._stack)
        service = {"serving": serving, "other": other(serving), "edge": EDGE}[target]
        try:
            if effect == "paused":
                with frozen(self._stack, service):
                    pause(_PAUSED_SECONDS)
            else:
                for container in running(self._stack, service):
                    crash(self._stack, container)
        except CannotTell as reason:  # it went in the same moment, as idle colours do
            return f"{service} could not be {effect} ({reason})"
        return f"{service} was {effect}"

    @contextmanager
    def _deploying(self, command: str, *words: str) -> Iterator[Deploying]:
        self._wave += 1
        name = f"{self._customers.nonce}-wave{self._wave}"
        pace = {"at_most": _ORDERS_A_STEP, "seconds_between": _SECONDS_BETWEEN}
        trade = PassingTrade(self._customers, name, buyer=0, listing=0, **pace)  # type: ignore[arg-type]
        try:
            with trade, Deploying(self._command, self._words(command, words), self._book) as process:
                yield process
        finally:
            self._seen += trade.complaints
            if trade.complaints:
                # Over whatever the block raised: a doubt must not hide what was seen.
                raise AssertionError("; ".join(self._seen))

    def _works(self, command: str, *words: str) -> None:
        with Deploying(self._command, self._words(command, words), self._book) as process:
            code = process.ends()
        assert code == DONE, f"the deployment after the last one ended with {code}: {process.said}"

    def _words(self, command: str, words: Sequence[str]) -> list[str]:
        return [command, "staging", *words, "--project", self._stack.project, "--bake", BAKE]

    def _serves(self) -> Serving:
        """Who answers at the edge. Raises AssertionError when nobody does, for as long as a restart may take."""
        colour = eventually(lambda: answering(self._stack), within=_WELL_WITHIN, every=_EVERY, what="the edge answers")
        return running_as(self._stack, colour)

    def _expected(self) -> Serving:
        """Who must serve if nothing new is put into service: an interrupted deployment is undone first, or finished."""
        record = self._book.read()
        return self._serves() if record is None or record.is_settled else record.serve

    def _unserved(self) -> list[str]:
        """What is wrong with who serves, when it stays wrong."""
        last: list[str | None] = [None]

        def served() -> bool:
            last[0] = self._who_is_wrong()
            return last[0] is None

        try:
            eventually(served, within=_WELL_WITHIN, every=_EVERY, what="one colour serves")
        except AssertionError:
            return [f"{last[0]} (for {_WELL_WITHIN.total_seconds():g} s)"]
        except CannotTell as reason:
            return [f"who serves could not be asked: {reason}"]
        return []

    def _who_is_wrong(self) -> str | None:
        if answering(self._stack) is None:
            return "nobody answers at the edge"
        if complaint := healthy(named(self._stack)).complaint(self._stack):
            return f"active.conf names a colour that is not ready: {complaint}"
        return locked(self._book)

    def _insist_on_one(self, colour: str) -> None:
        """After a deployment that came to its end the other colour is away, and it is written down who serves."""
        record: Record | None = self._book.read()
        assert record is not None
        assert record.is_settled, f"a deployment came to its end, and left {record.phase} written down"
        assert record.serve.colour == colour, f"{record.serve.colour} is written down, and {colour} serves"
        assert named(self._stack) == colour, f"active.conf names {named(self._stack)}, and {colour} serves"
        left = self._stack.driver.container_ids(other(colour), all=True)
        assert not left, f"a deployment came to its end, and {other(colour)} is still there"

    def _left_over(self) -> list[str]:
        found = [
            f"{colour} is still there"
            for colour in COLOURS
            if colour != self._home.colour and self._stack.driver.container_ids(colour, all=True)
        ]
        found += [f"helper container {one['Names'][0]} is left" for one in self._stack.driver.helpers()]
        held = locked(self._book)
        return [*found, held] if held else found
