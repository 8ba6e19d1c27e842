"""A service leaves one of its networks, as when somebody pulls a cable, and comes back as it is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.effect import Fault
from chaos.faults.targets import containers_of, running
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack


@dataclass(frozen=True)
class Disconnected(Fault):
    """The service leaves one of its networks, and comes back with the aliases and the fixed address it is declared with."""

    network: str
    """The network's key in the compose file."""

    effect: ClassVar[str] = "disconnected"
    family: ClassVar[str] = "network"

    def inject(self, stack: Stack) -> None:
        """Leave the network. Raises CannotTell, and leaves nothing, where coming back would not restore what is there now."""
        network, declared = self._engine_name(stack), self._declared(stack).get("ipv4_address") or ""
        for container in running(stack, self.service):
            joined = container["NetworkSettings"]["Networks"].get(network)
            if joined is None:
                continue
            # A stack that was brought up with other variables (a subnet) than this session reads has another address.
            fixed = (joined.get("IPAMConfig") or {}).get("IPv4Address") or ""
            if fixed != declared:
                raise CannotTell(
                    f"{self}: {container['Name'].lstrip('/')} has the fixed address {fixed or 'none'} and the compose file says "
                    f"{declared or 'none'}: give this session the variables the stack was brought up with"
                )
            stack.driver.disconnect_network(container["Id"], network)

    def revert(self, stack: Stack) -> None:
        """Join again, as compose would have it; a container that is a member already is left alone."""
        network, declared = self._engine_name(stack), self._declared(stack)
        for container in containers_of(stack, self.service):
            if network not in container["NetworkSettings"]["Networks"]:
                names = [container["Name"].lstrip("/"), self.service, *(declared.get("aliases") or [])]
                stack.driver.connect_network(
                    container["Id"],
                    network,
                    aliases=list(dict.fromkeys(names)),
                    ipv4_address=declared.get("ipv4_address"),
                )

    def active(self, stack: Stack) -> bool:
        """Whether a running container of the service is not in the network."""
        network = self._engine_name(stack)
        return any(network not in c["NetworkSettings"]["Networks"] for c in containers_of(stack, self.service))

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """The engine lists the container as no member."""
        return f"{self.service} is not in network {self.network}" if self.active(stack) else None

    def _engine_name(self, stack: Stack) -> str:
        networks = stack.rendered.get("networks") or {}
        if self.network not in networks or self.network not in self._networks_of_service(stack):
            raise UserError(f"{self}: {self.service} is in no network {self.network!r}")
        return str(networks[self.network].get("name") or f"{stack.project}_{self.network}")

    def _declared(self, stack: Stack) -> dict[str, Any]:
        return dict(self._networks_of_service(stack).get(self.network) or {})

    def _networks_of_service(self, stack: Stack) -> dict[str, Any]:
        return dict(stack.rendered["services"][self.service].get("networks") or {})
