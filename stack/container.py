"""One running container, by what the engine says and by what the kernel shows, so that "declared" can be held against "is"."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stack import cgroups, procfs
from stack.completed import Completed
from stack.driver import SERVICE_LABEL, Driver
from stack.errors import CannotTell
from stack.procfs import Limits, Process, Socket

__all__ = ["Container", "Limits", "Process", "Socket"]

_NET_TABLES = ("tcp", "tcp6", "udp", "udp6")
_ENGINE_DNS = "127.0.0.11"  # the engine's resolver listens inside every container; it is nobody's service
_PROC = Path("/proc")


class Container:
    """A container of the project, as it was when it was asked for; the observing methods look anew each time."""

    def __init__(self, attrs: dict[str, Any], driver: Driver) -> None:
        """Wrap the engine's description of a container."""
        self.attrs = attrs
        self.driver = driver

    def __repr__(self) -> str:
        """Its name and short id."""
        return f"<Container {self.name} {self.id[:12]}>"

    @property
    def id(self) -> str:
        """The full id."""
        return str(self.attrs["Id"])

    @property
    def name(self) -> str:
        """The container's name, without the slash."""
        return str(self.attrs["Name"]).lstrip("/")

    @property
    def service(self) -> str:
        """The compose service it belongs to."""
        return str((self.attrs["Config"].get("Labels") or {}).get(SERVICE_LABEL, ""))

    @property
    def pid(self) -> int:
        """The host's pid of its first process; 0 when it is not running."""
        return int(self.attrs["State"].get("Pid") or 0)

    @property
    def is_running(self) -> bool:
        """Whether it was running and not paused when it was asked for."""
        state = self.attrs["State"]
        return bool(state.get("Running")) and not state.get("Paused") and not state.get("Restarting")

    @property
    def health(self) -> str | None:
        """`healthy`, `unhealthy` or `starting`; None when it has no health check."""
        health = self.attrs["State"].get("Health")
        return str(health["Status"]) if health and health.get("Status") != "none" else None

    @property
    def image_id(self) -> str:
        """The id of the image it was made of."""
        return str(self.attrs["Image"])

    @property
    def env(self) -> dict[str, str]:
        """The environment it was started with."""
        return dict(entry.partition("=")[::2] for entry in self.attrs["Config"].get("Env") or ())

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, the image's included."""
        return dict(self.attrs["Config"].get("Labels") or {})

    def refreshed(self) -> Container:
        """The same container as it is now."""
        return Container(self.driver.inspect(self.id), self.driver)

    def exec(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        stdin: bytes | None = None,
        timeout_seconds: float = 10,
        privileged: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command in it; see `Driver.exec`."""
        return self.driver.exec(
            self.id,
            argv,
            user=user,
            stdin=stdin,
            timeout_seconds=timeout_seconds,
            privileged=privileged,
            env=env,
        )

    def logs(self, **options: Any) -> str:
        """What it wrote; see `Driver.logs`."""
        return self.driver.logs(self.id, **options)

    def addresses(self) -> dict[str, str]:
        """Its address in each network (IPv4, else IPv6), by the network's full name."""
        networks = self.attrs["NetworkSettings"].get("Networks") or {}
        found = {name: net.get("IPAddress") or net.get("GlobalIPv6Address") for name, net in networks.items()}
        return {name: address for name, address in found.items() if address}

    def published(self) -> dict[str, list[tuple[str, int]]]:
        """The host addresses of each published port, by `80/tcp`."""
        ports = self.attrs["NetworkSettings"].get("Ports") or {}
        return {
            target: [(binding["HostIp"], int(binding["HostPort"])) for binding in bindings]
            for target, bindings in ports.items()
            if bindings
        }

    # ── observed ────────────────────────────────────────────────────────────────────────────────────────────────────

    def processes(self) -> list[Process]:
        """Every process in it: from the host's /proc where the engine is local, else from the container's own.

        Raises:
            CannotTell: it is not running, or neither way leads to its processes.

        """
        found = self._processes_here() if self.driver.is_local() else self._processes_inside()
        if not found:
            message = f"{self.name}: no process of it can be seen"
            raise CannotTell(message)
        return found

    def process_uids(self) -> set[int]:
        """The effective uids of its processes."""
        return {process.uid for process in self.processes()}

    def listening(self) -> list[Socket]:
        """Its listening sockets (TCP in LISTEN, UDP unconnected), the engine's own resolver left out."""
        found: set[Socket] = set()
        for table in _NET_TABLES:
            found.update(procfs.listening(self._net_table(table), table))
        return sorted(socket for socket in found if socket.address != _ENGINE_DNS)

    def cgroup_limits(self) -> Limits:
        """The limits in force in its control group, of version 1 or 2.

        Raises:
            CannotTell: the control group's files can't be read.

        """
        files = self._cgroup_here() if self.driver.is_local() else self._cgroup_inside()
        if not files:
            message = f"{self.name}: its control group's files can't be read"
            raise CannotTell(message)
        return procfs.limits(files)

    def namespace(self, kind: str) -> str:
        """The identity of a namespace of its first process, such as `net:[4026531840]`.

        Raises:
            CannotTell: the engine is not local, or the process is gone.

        """
        self._need_pid()
        if not self.driver.is_local():
            message = f"{self.name}: the engine is not on this machine, so its namespaces can't be compared"
            raise CannotTell(message)
        try:
            return str((_PROC / str(self.pid) / "ns" / kind).readlink())
        except OSError as error:
            message = f"{self.name}: its {kind} namespace can't be read ({error.strerror})"
            raise CannotTell(message) from error

    def _need_pid(self) -> None:
        if not self.pid:
            message = f"{self.name} is not running"
            raise CannotTell(message)

    def _pids_here(self) -> list[int]:
        """The host's pids: of its control group, which nothing can leave, else as the engine lists them.

        The engine runs the host's `ps` for its list, which a minimal host has not.
        """
        self._need_pid()
        pids = cgroups.members(self.pid)
        if self.pid in pids:
            return sorted(pids)
        top = self.driver.top(self.id)
        column = top["Titles"].index("PID")
        return [int(row[column]) for row in top["Processes"]]

    def _processes_here(self) -> list[Process]:
        found = []
        for pid in self._pids_here():
            folder = _PROC / str(pid)
            with contextlib.suppress(OSError):  # it ended since it was listed
                status = (folder / "status").read_text()
                if procfs.is_kernel_or_gone(status):
                    continue
                profile = None
                with contextlib.suppress(OSError):  # EINVAL where the host has no AppArmor
                    profile = (folder / "attr" / "current").read_text()
                cmdline = (folder / "cmdline").read_text(errors="replace")
                found.append(procfs.process(pid, status, cmdline, profile))
        return found

    def _processes_inside(self) -> list[Process]:
        self._need_pid()
        script = (
            "for p in /proc/[0-9]*; do s=$(cat $p/status 2>/dev/null) || continue; "
            'printf "%s\\n\\001%s\\n\\001" "${p#/proc/}" "$s"; tr "\\000" "\\002" <$p/cmdline; printf "\\001"; '
            'cat $p/attr/current 2>/dev/null; printf "\\003"; done'
        )
        answer = self.exec(["sh", "-c", script])
        found = []
        for record in answer.stdout.split("\3"):
            parts = record.split("\1")
            if len(parts) == 4 and not procfs.is_kernel_or_gone(parts[1]):
                pid, status, cmdline, profile = parts
                found.append(procfs.process(int(pid), status, cmdline.replace("\2", "\0"), profile))
        return [process for process in found if process.cmdline[:2] != ("sh", "-c") or script not in process.cmdline]

    def _net_table(self, table: str) -> str:
        self._need_pid()
        if self.driver.is_local():
            try:
                return (_PROC / str(self.pid) / "net" / table).read_text()
            except FileNotFoundError:
                if (_PROC / str(self.pid)).exists():
                    return ""  # this kernel has no IPv6
                message = f"{self.name}: its first process has ended"
                raise CannotTell(message) from None
        answer = self.exec(["cat", f"/proc/net/{table}"])
        return answer.stdout if answer.ok else ""

    def _cgroup_here(self) -> dict[str, str]:
        self._need_pid()
        return cgroups.limit_files(self.pid)

    def _cgroup_inside(self) -> dict[str, str]:
        files: dict[str, str] = {}
        for controller, names in cgroups.LIMIT_FILES.items():
            for name in names:
                for path in (f"/sys/fs/cgroup/{name}", f"/sys/fs/cgroup/{controller}/{name}"):
                    answer = self.exec(["cat", path])
                    if answer.ok:
                        files[name] = answer.stdout
                        break
        return files
