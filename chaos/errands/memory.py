"""What a service is to remember over its own end: a wallet who it is, a chain how far it was, a store what it measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.question import Probe
from stack.clients.http import Refused
from stack.clients.wallet import WalletError
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

_AWAY = (CannotTell, Refused, WalletError)


@dataclass
class SameWallet:
    """A wallet that is ready to sign with two of three, and has the address it had when it was first asked."""

    name: str
    _known: dict[str, str] = field(default_factory=dict)

    @property
    def there(self) -> Probe:
        """It answers, as the wallet it was."""
        return Probe(f"wallet {self.name} is the one it was, ready for escrow", self._changed)

    def _changed(self, stack: Stack) -> str | None:
        try:
            wallet = stack.wallet(self.name)
            address, multisig = wallet.address(), wallet.is_multisig()
        except _AWAY as error:  # or it is opening its file
            return str(error)
        if not (multisig.get("multisig") and multisig.get("ready")):
            return f"wallet {self.name} is not ready for two of three: {multisig}"
        known = self._known.setdefault(stack.project, address)
        return None if address == known else f"wallet {self.name} has address {address[:12]}…, had {known[:12]}…"


@dataclass
class SameChain:
    """The chain as a wallet sees it, which never gets shorter."""

    wallet: str
    _highest: dict[str, int] = field(default_factory=dict)

    @property
    def there(self) -> Probe:
        """The wallet reaches the chain, and it is as long as it ever was."""
        return Probe(f"wallet {self.wallet} sees the chain it saw", self._shorter)

    def _shorter(self, stack: Stack) -> str | None:
        wallet = stack.wallet(self.wallet)
        try:
            wallet.refresh()  # asks the daemon: the height alone is the wallet's own memory
            height = wallet.height()
        except _AWAY as error:
            return str(error)
        highest = self._highest.get(stack.project, 0)
        if height < highest:
            return f"the chain is {height} blocks long, was {highest}"
        self._highest[stack.project] = height
        return None


@dataclass
class OldSamples:
    """What Prometheus measured before it went away."""

    _since: dict[str, datetime] = field(default_factory=dict)

    @property
    def there(self) -> Probe:
        """The first question's moment is still answered as it was then: with samples."""
        return Probe("Prometheus knows what it measured before", self._forgotten)

    def _forgotten(self, stack: Stack) -> str | None:
        now = datetime.now(UTC)
        asked = self._since.get(stack.project, now)
        if now - asked > timedelta(minutes=10):  # an experiment of an hour ago
            asked = now
        try:
            known = stack.prometheus.value("count(up)", at=asked)
        except (CannotTell, Refused) as error:  # it is away, or is reading its log
            return str(error)
        if not known:
            return f"Prometheus has no samples of {asked:%H:%M:%S}"
        self._since[stack.project] = asked
        return None
