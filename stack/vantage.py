"""The outside of the machine: a network namespace from which exposure is probed as an attacker would, and loaded as many clients would.

The namespace is joined to the host by a veth pair and *routed*, over IPv4 and IPv6. It holds documentation prefixes
(RFC 5737, RFC 3849), so it is the whole internet of the tests: every address of 198.51.100.0/24 from .16 on answers there and may
be a client's source address. It has no default route, and a policy rule keeps what comes out of it away from the
host's own default route: no packet of a probe ever leaves the machine.

Commands run in it with `ip netns exec <Outside.name> …` (`Outside.run` does that); sockets are made in it directly
(`Outside.connect`, `Outside.probe`, `Outside.open_socket`). Root and a local engine are needed, else CannotTell.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stack import namespaces, packets
from stack.completed import Completed, complete
from stack.errors import CannotTell
from stack.iproute import host_addresses, ip, ip_batch, ip_json, refuse_elsewhere
from stack.namespaces import Target
from stack.waiting import eventually

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# One prefix for link and clients: some test machines reach their package mirrors at addresses of 203.0.113.0/24.
INTERNET = ipaddress.IPv4Network("198.51.100.0/24")
CLIENTS = tuple(
    ipaddress.IPv4Network(part)
    for part in ("198.51.100.16/28", "198.51.100.32/27", "198.51.100.64/26", "198.51.100.128/25")
)
CLIENTS_6 = ipaddress.IPv6Network("2001:db8:1::/64")
LINK_6 = ipaddress.IPv6Network("2001:db8::/64")
EGRESS_SINK = "198.51.100.254"
EGRESS_SINK_6 = str(CLIENTS_6[0xFFFE])
"""Addresses out there that no client uses: packets of the stack that arrive at one have left the host."""
DEFAULT_CLIENT = "198.51.100.19"
HOST, INSIDE = "198.51.100.1", "198.51.100.2"
HOST_6, INSIDE_6 = "2001:db8::1", "2001:db8::2"

PREFIX = "seatrial-"
SUFFIX = "-outside"
INTERFACE_PREFIX = "sto-"
RULE_PREFERENCES = (1000, 1001)
LOCK = Path("/run/seatrial-outside.lock")
NAMED = Path("/run/netns")


class Outside:
    """The outside namespace of one project, there while the `with` block runs.

    The documentation prefixes can be routed to one place only, so one outside exists at a time on a machine: a second
    one waits up to `patience` for the first to end, then raises CannotTell. What a killed run left is removed first.
    """

    def __init__(self, project: str, *, patience: timedelta = timedelta(seconds=60)) -> None:
        self.project = project
        self.name = f"{PREFIX}{project}{SUFFIX}"
        self.interface = INTERFACE_PREFIX + hashlib.sha256(project.encode()).hexdigest()[:8]
        self.has_ipv6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").exists()
        self._patience = patience
        self._open: ExitStack | None = None
        self._routed: set[str] = set()

    def __enter__(self) -> Self:
        require_root()
        with ExitStack() as undo:
            undo.callback(_unlock, _lock(self.project, self._patience))
            heal()
            _refuse_foreign_routes()
            undo.callback(heal)
            self._build()
            self._open = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._open = self._open, None
        self._routed.clear()
        if opened is not None:
            opened.close()

    @property
    def namespace(self) -> Path:
        """The file that names the namespace."""
        return NAMED / self.name

    @property
    def exec_prefix(self) -> tuple[str, ...]:
        """What to put in front of another process's argument list so that it runs outside."""
        return ("ip", "netns", "exec", self.name)

    @property
    def host_addresses(self) -> tuple[str, ...]:
        """The host's addresses as seen from here: the near end of the link first, then all it has beside loopback."""
        near = (HOST, HOST_6) if self.has_ipv6 else (HOST,)
        return (*near, *(address for address in host_addresses() if address not in near))

    def sources(self, count: int) -> tuple[str, ...]:
        """`count` different client addresses (at most 200), from 198.51.100.20 on."""
        if not 0 < count <= 200:
            raise ValueError(f"1 to 200 client addresses can be had, not {count}")
        return tuple(str(INTERNET[20 + n]) for n in range(count))

    def run(self, argv: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        """Runs a command outside. Its exit code is in the result; CannotTell when it can't be run in time."""
        return complete((*self.exec_prefix, *argv), timeout_seconds=timeout_seconds)

    def open_socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> socket.socket:
        """A new socket that stands outside; `bind` it to one of `sources()` to choose which client it is."""
        return namespaces.sockets_in(self.namespace, [(family, kind, protocol)])[0]

    def dial(
        self, address: str, port: int, *, source: str | None = None, timeout_seconds: float = 3.0
    ) -> socket.socket:
        """A connected TCP socket from outside, for talking TLS or HTTP over. Raises OSError as connecting does."""
        self.route_to(address)
        opened = self.open_socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        opened.settimeout(timeout_seconds)
        try:
            if source is not None:
                opened.bind((source, 0))
            opened.connect((address, port))
        except OSError:
            opened.close()
            raise
        return opened

    def connect(self, address: str, port: int, protocol: str = "tcp", timeout_seconds: float = 1.0) -> str:
        """What one target does when tried from outside: `open`, `refused` or `silent` (see namespaces.try_all)."""
        target = Target(address, port, protocol)
        return self.probe([target], timeout_seconds=timeout_seconds)[target]

    def probe(
        self, targets: Iterable[Target], *, timeout_seconds: float = 1.0, source: str | None = None
    ) -> dict[Target, str]:
        """What every target does when tried from outside, all tried at once."""
        wanted = list(targets)
        for address in {target.address for target in wanted}:
            self.route_to(address)
        return namespaces.try_all(self.namespace, wanted, timeout_seconds=timeout_seconds, source=source)

    @contextmanager
    def arrivals(self) -> Iterator[Callable[[float], list[tuple[str, int]]]]:
        """Listens for what comes out of the host. The function it gives waits so many seconds for more, then answers with
        the (source address, destination port) of every TCP and UDP packet that arrived since the block began."""
        with packets.tap(self.namespace, "outside0") as opened:
            yield lambda seconds: packets.heard(opened, seconds)

    @contextmanager
    def answering(self) -> Iterator[tuple[Target, ...]]:
        """Ports of the host itself that answer out there, one for each address family, while the block runs: where not even
        they are heard, silence shows nothing. None where the host has no such address."""
        with ExitStack() as undo:
            found = []
            for address, family in ((HOST, socket.AF_INET), (HOST_6, socket.AF_INET6)):
                with suppress(OSError):
                    opened = undo.enter_context(socket.create_server((address, 0), family=family))
                    found.append(Target(address, int(opened.getsockname()[1])))
            yield tuple(found)

    def route_to(self, address: str) -> None:
        """Makes an address of this machine reachable from outside; CannotTell when it is not on this machine."""
        if address in self._routed:
            return
        refuse_elsewhere(address)
        if ":" in address:
            if address != HOST_6:
                ip("-n", self.name, "-6", "route", "replace", f"{address}/128", "via", HOST_6)
        elif address == HOST:
            # On the link itself, but a client of the internet and not the link's own address should be seen to come.
            ip("-n", self.name, "route", "replace", f"{HOST}/32", "dev", "outside0", "src", DEFAULT_CLIENT)
        else:
            ip("-n", self.name, "route", "replace", f"{address}/32", "via", HOST, "src", DEFAULT_CLIENT)
        self._routed.add(address)

    def _build(self) -> None:
        inside, host = "outside0", self.interface
        ip("netns", "add", self.name)
        ip("link", "add", host, "type", "veth", "peer", "name", inside, "netns", self.name)
        ip_batch([
            f"addr add {HOST}/30 dev {host}",
            f"link set {host} alias {self.name}",
            f"link set {host} up",
        ])  # fmt: skip
        ip_batch(
            [
                "link set lo up",
                f"addr add {INSIDE}/30 dev {inside}",
                f"link set {inside} up",
                # Any-address routing: every address of the prefix is local here, without adding 240 of them.
                *(f"route add local {part} dev lo" for part in CLIENTS),
            ],
            namespace=self.name,
        )
        keep, stop = RULE_PREFERENCES
        ip_batch([
            f"route add {INTERNET} via {INSIDE} dev {host}",
            # What comes from outside may use every route of the host but the default one.
            f"rule add pref {keep} iif {host} lookup main suppress_prefixlength 0",
            f"rule add pref {stop} iif {host} unreachable",
        ])  # fmt: skip
        if self.has_ipv6:
            self._build_ipv6(inside, host)

    def _build_ipv6(self, inside: str, host: str) -> None:
        keep, stop = RULE_PREFERENCES
        ip_batch(
            [
                f"addr add {INSIDE_6}/64 dev {inside} nodad",
                f"addr add {CLIENTS_6[10]}/64 dev lo nodad",
                f"route add local {CLIENTS_6} dev lo",
            ],
            namespace=self.name,
            family=6,
        )
        ip_batch([
            f"addr add {HOST_6}/64 dev {host} nodad",
            f"route add {CLIENTS_6} via {INSIDE_6} dev {host}",
            f"rule add pref {keep} iif {host} lookup main suppress_prefixlength 0",
            f"rule add pref {stop} iif {host} unreachable",
        ], family=6)  # fmt: skip


def require_root() -> None:
    """CannotTell unless this process may make network namespaces."""
    if os.geteuid() != 0:
        raise CannotTell("the outside vantage needs root to make a network namespace, and this is not root")


def heal() -> None:
    """Removes every outside namespace, interface and rule of ours, whoever left them. Only with the lock held."""
    for name in sorted(path.name for path in NAMED.glob(f"{PREFIX}*{SUFFIX}")):
        for pid in ip("netns", "pids", name, check=False).stdout.split():
            # Only `ip netns exec` of ours puts processes there; they would keep the namespace alive.
            os.kill(int(pid), 9)
        ip("netns", "del", name)
    for link in ip_json("link", "show"):
        if str(link["ifname"]).startswith(INTERFACE_PREFIX):
            # Deleting the namespace deletes the pair, but a moment later: the route must be gone now.
            ip("link", "del", str(link["ifname"]), check=False)
    for family in ("-4", "-6"):
        for rule in ip_json(family, "rule", "show"):
            if str(rule.get("iif", "")).startswith(INTERFACE_PREFIX):
                ip(family, "rule", "del", "pref", str(rule["priority"]), "iif", str(rule["iif"]))


def _refuse_foreign_routes() -> None:
    families: tuple[tuple[str, tuple[Network, ...]], ...] = (("-4", (INTERNET,)), ("-6", (CLIENTS_6, LINK_6)))
    for family, ours in families:
        for route in ip_json(family, "route", "show"):
            if route["dst"] == "default":
                continue
            there: Any = ipaddress.ip_network(str(route["dst"]), strict=False)
            for prefix in ours:
                if there.version == prefix.version and there.overlaps(prefix):
                    raise CannotTell(
                        f"the documentation prefix {prefix} is already routed on this host ({there} dev {route.get('dev')})"
                    )


def _lock(project: str, patience: timedelta) -> int:
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def taken() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        eventually(taken, within=patience, every=timedelta(milliseconds=100), what="the outside namespace is free")
    except AssertionError as error:
        holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another run"
        os.close(handle)
        raise CannotTell(
            f"the outside namespace is in use by {holder}; waited {patience.total_seconds():g} s"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"project {project}, process {os.getpid()}".encode(), 0)
    return handle


def _unlock(handle: int) -> None:
    os.close(handle)
