"""A host of its own for firewall drills: real ufw and a real engine in one network namespace, with an outside that sends packets.

Nothing of it touches the machine's own firewall or network: a privileged container without a network gets an outside
namespace of its own, routed over IPv4 and IPv6 through a veth pair. On it every port of the drill answers twice: at an
address of the host's own, and at one where the engine publishes it for a container.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from stack import namespaces
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.namespaces import Target
from stack.waiting import eventually
from suites.check import not_applicable

IMAGE = "seatrial/host:local"
# Documentation prefixes (RFC 5737, RFC 3849), in a network namespace that leads nowhere.
OUTSIDE, OUTSIDE_6 = "198.51.100.2", "2001:db8::2"
PUBLISHED, PUBLISHED_6 = "198.51.100.1", "2001:db8::1"
OWN, OWN_6 = "198.51.100.10", "2001:db8::10"
CONTAINER, CONTAINER_6 = "198.51.100.130", "2001:db8:2::2"
CONTAINER_PORT = 80
ENGINE_STARTS = timedelta(seconds=60)
ADDRESSES_SETTLE = timedelta(seconds=15)
"""A bridge's IPv6 addresses are tentative for a second or two, and nobody is answered until they are not (RFC 4862)."""
PROBE_SECONDS, PATIENT_SECONDS = 1.0, 4.0
UFW_ALONE = 'for port; do ufw allow "$port/tcp" || exit; done; ufw --force enable'
"""What most people type: everything else is denied, and published ports answer all the same."""
_COMMAND_SECONDS = 120
_BACKLOG = 4096
"""Nobody accepts what the kernel has connected, so that every try of the drill stays in the queue."""

_NETWORK = f"""\
link set lo up
link add to-outside type veth peer name outside0
addr add {PUBLISHED}/25 dev to-outside
addr add {OWN}/32 dev to-outside
addr add {PUBLISHED_6}/64 dev to-outside nodad
addr add {OWN_6}/128 dev to-outside nodad
link set outside0 netns outside
link set to-outside up
"""
_BEYOND = f"""\
link set lo up
link set outside0 up
addr add {OUTSIDE}/25 dev outside0
addr add {OUTSIDE_6}/64 dev outside0 nodad
route add default via {PUBLISHED}
"""
_SET_UP = f"""\
set -e
for file in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 0 > "$file"; done
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip netns add outside
ip -batch - <<'END'
{_NETWORK}END
for file in default all; do ip netns exec outside sh -c "echo 0 > /proc/sys/net/ipv6/conf/$file/disable_ipv6"; done
ip -n outside -batch - <<'END'
{_BEYOND}END
ip -n outside -6 route add default via {PUBLISHED_6}
"""
_PUBLISH = f"""\
set -e
cd /tmp
tar -C /opt/still -c . | docker import - still:local >/dev/null
docker network create --ipv6 --subnet 198.51.100.128/25 --subnet 2001:db8:2::/64 published >/dev/null
docker run --detach --network published --ip {CONTAINER} --ip6 {CONTAINER_6} --stop-signal KILL "$@" \\
    still:local /bin/busybox sleep 3600 >published
docker inspect --format '{{{{.State.Pid}}}}' "$(cat published)"
"""


@dataclass(frozen=True)
class Host:
    """The host while it stands: commands run in it as root, and probes reach it from outside."""

    driver: Driver
    container: str
    pid: int
    ports: tuple[int, ...]

    def run(self, argv: Sequence[str]) -> str:
        """Run a command in the project's folder on the host and return what it printed; CannotTell when it fails."""
        done = self.driver.exec(self.container, argv, user="0", timeout_seconds=_COMMAND_SECONDS)
        if not done.ok:
            words = f"exit code {done.code}, {done.last_words()}"
            raise CannotTell(f"`{' '.join(argv)[:120]}` failed on the drill's host: {words}")
        return done.stdout

    def answers(self, expected: Collection[int] = ()) -> dict[Target, str]:
        """What every port of the host, of its published container and of the container itself does for the outside.

        What is silent on an `expected` port is asked once more, patiently: a busy machine may be late with a handshake.
        """
        seen = self._try(targets(self.ports), PROBE_SECONDS)
        at_host = [target for target in seen if target.address not in (CONTAINER, CONTAINER_6)]
        late = [target for target in at_host if seen[target] == "silent" and target.port in expected]
        return seen | self._try(late, PATIENT_SECONDS) if late else seen

    def heard(self) -> dict[Target, str]:
        """The answers once everything answers, or what there is of them by `ADDRESSES_SETTLE`."""
        seen: dict[Target, str] = {}

        def all_open() -> bool:
            seen.update(self.answers())
            return set(seen.values()) == {"open"}

        # Who judges what is missing is the caller: a firewall that nobody asked for is no missed objective.
        with contextlib.suppress(AssertionError):
            eventually(all_open, within=ADDRESSES_SETTLE, every=timedelta(milliseconds=200), what="everything answers")
        return seen

    def _try(self, wanted: Sequence[Target], seconds: float) -> dict[Target, str]:
        outside = Path(f"/proc/{self.pid}/root/run/netns/outside")
        return namespaces.try_all(outside, wanted, timeout_seconds=seconds)


@dataclass(frozen=True)
class Seen:
    """What each target did for the outside: without any firewall, with ufw alone, and behind the rules."""

    before: Mapping[Target, str]
    alone: Mapping[Target, str]
    after: Mapping[Target, str]


def seen(stack: Stack) -> Seen:
    """Try the host firewall that the profile names, in a host of its own; touches nothing of the stack.

    Raises:
        CannotTell: as `a_host`, or a command failed there.

    """
    wanted = stack.profile.host_firewall
    if wanted is None:
        not_applicable(stack.profile.missing('[host_firewall] pass = [22, 80, 443], stop = [...], command = [...]'))
    folder = (stack.profile.folder or Path.cwd()) / wanted.folder
    with a_host(stack.driver, (*wanted.passes, *wanted.stops), folder.resolve()) as host:
        before = host.heard()
        host.run(["sh", "-c", UFW_ALONE, "ufw", *map(str, wanted.passes)])
        alone = host.answers(wanted.passes)
        host.run(["ufw", "--force", "reset"])
        host.run(wanted.command)
        return Seen(before, alone, host.answers(wanted.passes))


def targets(ports: Sequence[int]) -> list[Target]:
    """Everything that is tried: the ports at the host's own and published addresses, and the container's own address."""
    at_host = [Target(address, port) for address in (OWN, OWN_6, PUBLISHED, PUBLISHED_6) for port in ports]
    return at_host + [Target(address, CONTAINER_PORT) for address in (CONTAINER, CONTAINER_6)]


@contextmanager
def a_host(driver: Driver, ports: Sequence[int], folder: Path) -> Iterator[Host]:
    """A host on which a program of its own and a published container answer on `ports`; gone when the block ends.

    `folder` is mounted read-only under its own name in the folder that commands run in.

    Raises:
        CannotTell: no image, no privileges, or the engine inside does not start.

    """
    mounts = (
        "type=tmpfs,target=/var/lib/docker",
        f"type=bind,source={folder},target=/srv/{folder.name},readonly",
    )
    engine = [
        "dockerd", "--userland-proxy=false", "--bridge=none", "--experimental", "--ip6tables", "--ipv6=false",
        "--exec-opt=native.cgroupdriver=cgroupfs", "--log-level=error",
    ]  # fmt: skip
    started = driver.run_helper(
        engine, image=IMAGE, network="none", privileged=True, mounts=mounts, workdir="/srv", detach=True
    )
    container = str(started)
    with ExitStack() as undo:
        # The engine inside ends its own container first: one that is killed would leave its cgroups behind.
        undo.callback(driver.remove, container)
        undo.callback(driver.stop, container, grace_seconds=10)
        host = Host(driver, container, int(driver.inspect(container)["State"]["Pid"]), tuple(ports))
        host.run(["sh", "-c", _SET_UP])
        await_engine(driver, container)
        published = [
            f"--publish={address}:{port}:{CONTAINER_PORT}" for address in (PUBLISHED, f"[{PUBLISHED_6}]") for port in ports
        ]
        inside = int(host.run(["sh", "-c", _PUBLISH, "publish", *published]))
        own = [(address, port) for address in (OWN, OWN_6) for port in ports]
        for namespace, places in (
            (namespaces.of_process(host.pid), own),
            (Path(f"/proc/{host.pid}/root/proc/{inside}/ns/net"), [("::", CONTAINER_PORT)]),
        ):
            for opened in listening(namespace, places):
                undo.callback(opened.close)
        yield host


def await_engine(driver: Driver, container: str) -> None:
    """Wait until the engine inside answers; CannotTell when it does not: no promise of the stack's is broken by that."""
    try:
        eventually(
            lambda: driver.exec(container, ["docker", "version"], user="0").ok,
            within=ENGINE_STARTS, every=timedelta(milliseconds=200), what="the engine of the drill's host answers",
        )  # fmt: skip
    except AssertionError as error:
        raise CannotTell(f"{error}: {driver.logs(container, tail=3).strip() or 'it said nothing'}") from error


def listening(namespace: Path, places: Sequence[tuple[str, int]]) -> list[socket.socket]:
    """Sockets that listen in a network namespace, `::` for IPv4 too; the kernel completes handshakes, no program has to."""
    shapes = [(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 0) for address, _ in places]
    made = namespaces.sockets_in(namespace, shapes)
    for opened, place in zip(made, places, strict=True):
        opened.bind(place)
        opened.listen(_BACKLOG)
    return made
