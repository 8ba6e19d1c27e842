"""DeployMachine: good and bad releases are deployed and taken back while the deployment, its colours and the edge are killed."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from chaos.effect import RevertFailed
from chaos.fingerprint import Fingerprint
from chaos.machines.customers import Customers
from chaos.machines.deploying import book_of
from chaos.machines.machine import STEPS, Machine, System
from chaos.machines.marketplace import fresh_nonce, wait_until_well
from chaos.machines.plan import Plan, Step
from chaos.machines.releases import ALL, BAD, GOOD, releases
from chaos.machines.rollout import Parties, Rollout
from chaos.machines.who_serves import named, running_as
from chaos.runner import Runner
from stack.clients.market import Market
from stack.deployment.bake import Limits
from stack.deployment.compose_site import ComposeSite, connect
from stack.deployment.record import BAKING, PHASES, SWITCHING, Book
from stack.deployment.release import Serving, other
from stack.deployment.running import LOCK
from stack.errors import CannotTell, SeatrialError, UserError
from stack.files import write_whole
from stack.lock import Lock, Taken
from stack.waiting import eventually

if TYPE_CHECKING:
    from chaos.machines.drawing import Drawing
    from stack.model import Stack

STEPS_TO_ONE = 3
"""A deployment with its bake and its drain takes as long as this many steps of other machines."""
_STEADY_WITHIN = timedelta(seconds=30)
_AS_BEFORE_WITHIN = timedelta(seconds=60)
_MOST = 10_000
_PARAMETERS: Mapping[str, frozenset[str]] = {
    "deploy": frozenset({"release"}),
    "rollback": frozenset(),
    "kill": frozenset({"release", "phase", "later_ms"}),
    "hit": frozenset({"release", "phase", "effect", "target"}),
    "order": frozenset({"key"}),
}
_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "phase": PHASES,
    "effect": ("killed", "paused"),
    "target": ("serving", "other", "edge"),
}


class DeployMachine(Machine):
    """What is promised of deployments, whatever breaks."""

    name: ClassVar[str] = "deployments"
    id: ClassVar[str] = "EXP-DEP-001"
    hypothesis: ClassVar[str] = (
        "Whatever is deployed and whatever is killed or frozen meanwhile, the deployment itself included: one ready colour "
        "serves, no acknowledged order is lost or doubled, a bad release is taken back, and the next deployment works"
    )
    rationale: ClassVar[str] = (
        "Most outages follow a change, and the worst of them a change that ended half-way: nobody knows which half serves, "
        "and the tool that could tell refuses to run again."
    )
    remediation: ClassVar[str] = (
        "Replay the shortest list the finding names (pytest chaos --replay FILE), and write down who must serve before each "
        "step that changes it."
    )
    needs: ClassVar[tuple[str, ...]] = (
        "nginx", "server-blue", "monerod", "monero-wallet-rpc-buyer", "monero-wallet-rpc-vendor", "monero-wallet-rpc-arbiter",
    )  # fmt: skip
    steps: ClassVar[frozenset[str]] = frozenset(_PARAMETERS)

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "stack.ops")) -> None:
        """`command` is what deploys: the operator's own."""
        self._command = command

    def rules(self) -> type[Drawing]:
        """The model of deployments."""
        from chaos.machines.deployment_rules import DeploymentRules

        return DeploymentRules

    def draw(self, seed: int, *, steps: int = STEPS) -> Plan:
        """As for any machine, of a third of the steps: each may be a whole deployment."""
        return super().draw(seed, steps=max(1, steps // STEPS_TO_ONE))

    def is_worth_it(self, steps: Sequence[Step]) -> bool:
        """A sound release, a bad one, a deployment killed while the edge has just been switched, and one with a hit."""
        deployed = {step.parameters["release"] for step in steps if step.name == "deploy"}
        killed = {step.parameters["phase"] for step in steps if step.name == "kill"}
        hit = any(step.name == "hit" for step in steps)
        return hit and bool(killed & {SWITCHING, BAKING}) and bool(deployed & set(GOOD)) and bool(deployed & set(BAD))

    def refuse_nonsense(self, step: Step) -> None:
        """Raises UserError for parameters that are not the step's."""
        if step.parameters.keys() != _PARAMETERS[step.name]:
            expected = ", ".join(sorted(_PARAMETERS[step.name])) or "nothing"
            raise UserError(f"is with {', '.join(sorted(step.parameters)) or 'nothing'}, expected {expected}")
        known = {**_ONE_OF, "release": ALL if step.name == "deploy" else GOOD}
        for name, value in step.parameters.items():
            if name in known and value not in known[name]:
                raise UserError(f"there is no {name} {value!r}: it is one of {', '.join(known[name])}")
            if name in ("later_ms", "key") and not _is_count(value):
                raise UserError(f"{name} is {value!r}, expected a whole number from 0 to {_MOST}")

    @contextmanager
    def fresh(self, stack: Stack, plan: Plan) -> Iterator[System]:
        """The releases of the list as images, two accounts, and the stack as it was found when all is over."""
        Runner.of(stack)  # may this project be broken at all?
        try:
            wait_until_well(stack, within=_STEADY_WITHIN)
        except AssertionError as error:
            raise CannotTell(f"not steady beforehand, so nothing was done: {error}") from error
        book = book_of(stack.state_dir)
        home = home_of(stack, book)
        wanted = [str(step.parameters["release"]) for step in plan.steps if "release" in step.parameters]
        before, written = Fingerprint.of(stack), _text_of(book.path)
        # One to leave home with, in case home is where it is to come back to.
        with releases(stack.driver, [*wanted, GOOD[0]], home.release.image) as images:
            customers = Customers(stack.edge, parties_of(stack), fresh_nonce())
            try:
                yield Rollout(stack, customers, book, self._command, images, home)
            finally:
                restore(stack, book, home, before, written)


def home_of(stack: Stack, book: Book) -> Serving:
    """Who serves. Raises CannotTell when a deployment is under way, or what serves is a trial's leftover."""
    record = book.read()
    if record is not None and not record.is_settled:
        raise CannotTell(
            f"a deployment was left {record.phase}, so nothing was done: python -m stack.ops rollback ends it"
        )
    return running_as(stack, named(stack))


def restore(stack: Stack, book: Book, home: Serving, before: Fingerprint, written: str | None) -> None:
    """Have the stack as it was, and prove it. What deploys is under trial and may be broken, so it is not asked to.

    Raises RevertFailed when it can't be proved: somebody has to look.
    """
    found: list[str] = []

    def as_before() -> bool:
        found[:] = before.differences(Fingerprint.of(stack))
        if named(stack) != home.colour:
            found.append(f"active.conf names {named(stack)}")
        return not found

    try:
        if not as_before():
            by_hand(stack, home)
            eventually(as_before, within=_AS_BEFORE_WITHIN, every=timedelta(seconds=1), what=f"{home} serves as before")
    except (SeatrialError, AssertionError) as error:
        why = "; ".join(found) or str(error)
        raise RevertFailed(f"REVERT_FAILED: {home} served before the deployments, and now: {why}") from error
    if written is None:
        book.path.unlink(missing_ok=True)
    else:
        write_whole(book.path, written, mode=0o644)


def by_hand(stack: Stack, home: Serving) -> None:
    """Start who served, give it the customers, take the other away: the parts of a deployment, without its procedure."""
    lock = Lock(stack.state_dir / LOCK, why="a deployment goes on")
    eventually(
        lambda: _taken(lock), within=_AS_BEFORE_WITHIN, every=timedelta(milliseconds=200), what="the lock is free"
    )
    try:
        site = ComposeSite(connect(stack.project), lock, Limits())
        if site.release(home.colour) != home.release or site.complaint(home.colour):
            site.start(home.colour, home.release)
        ready = timedelta(seconds=60)
        eventually(
            lambda: site.complaint(home.colour) is None, within=ready, every=timedelta(milliseconds=200), what=str(home)
        )
        site.point(home.colour)
        site.remove(other(home.colour))
    finally:
        lock.drop()


def _taken(lock: Lock) -> bool:
    try:
        lock.take()
    except Taken:
        return False
    return True


def parties_of(stack: Stack) -> Parties:
    """Two new accounts, and something for sale. Raises CannotTell when the marketplace takes none."""
    market = Market(stack.edge)
    try:
        accounts = {
            who: market.register(f"sea-{secrets.token_hex(8)}", secrets.token_urlsafe(16))
            for who in ("buyer", "vendor")
        }
        tokens = {who: market.login(one.username, one.password).token for who, one in accounts.items()}
        listing = market.list_for_sale(
            tokens["vendor"], title=f"Sextant {secrets.token_hex(8)}", description="Brass.", price_piconero=10**9
        )
    except SeatrialError as error:
        raise CannotTell(f"no accounts could be made: {error}") from error
    finally:
        market.close()
    return Parties(tokens, accounts, listing)


def _text_of(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
