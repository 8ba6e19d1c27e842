"""Where a service's peers are: their addresses on the networks that both are in, looked up anew every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaos.faults.targets import running
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack


def addresses(stack: Stack, peer: str, container: dict[str, Any]) -> list[str]:
    """The peer's addresses, of both families, on the networks that `container` (an inspect document) is in too.

    Raises CannotTell when the peer doesn't run or has none there now.
    """
    found = [
        str(joined[key])
        for other in running(stack, peer)
        for name, joined in sorted(other["NetworkSettings"]["Networks"].items())
        if name in container["NetworkSettings"]["Networks"]
        for key in ("IPAddress", "GlobalIPv6Address")
        if joined.get(key)
    ]
    if not found:
        raise CannotTell(f"{peer} has no address on a network of {container['Name'].lstrip('/')} now")
    return found


def share_a_network(stack: Stack, service: str, peer: str) -> bool:
    """Whether the compose files put both on one network. Raises UserError when there is no such service."""
    return bool(_networks(stack, service) & _networks(stack, peer))


def require_common_network(stack: Stack, service: str, peer: str, what: object) -> None:
    """Raise UserError when the two are one, one is unknown, or the compose files let them never meet."""
    if service == peer:
        raise UserError(f"{what}: {service} can't be its own peer")
    if not share_a_network(stack, service, peer):
        raise UserError(f"{what}: {service} and {peer} are on no common network, so there is nothing between them")


def _networks(stack: Stack, service: str) -> set[str]:
    declared = stack.rendered["services"].get(service)
    if declared is None:
        known = ", ".join(sorted(stack.rendered["services"]))
        raise UserError(f"project {stack.project} has no service {service!r} (it has {known})")
    return set(declared.get("networks") or ())
