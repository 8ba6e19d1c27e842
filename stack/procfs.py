"""Reads what the kernel says of a process: pure parsers of /proc text, the same for the host's files and for a container's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

# include/uapi/linux/capability.h, in the order of their bits.
CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)

_LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
_UNCONNECTED = "07"  # TCP_CLOSE: how an unconnected UDP socket shows


@dataclass(frozen=True)
class Process:
    """One process of a container. `pid` is the host's where it was read there, else the container's own."""

    pid: int
    uid: int  # effective
    gid: int
    name: str
    cmdline: tuple[str, ...]
    effective_capabilities: frozenset[str]
    no_new_privileges: bool
    seccomp: int  # 0 none, 1 strict, 2 filter
    apparmor: str | None  # None: the host confines with no such profile, or cannot tell


@dataclass(frozen=True, order=True)
class Socket:
    """One listening socket."""

    address: str
    port: int
    protocol: str

    @property
    def is_loopback(self) -> bool:
        """Whether only the container itself can reach it."""
        return ipaddress.ip_address(self.address).is_loopback


def capabilities(mask: int) -> frozenset[str]:
    """The names of a capability mask; bits newer than this table are named by number."""
    return frozenset(
        CAPABILITIES[bit] if bit < len(CAPABILITIES) else f"CAP_{bit}"
        for bit in range(mask.bit_length())
        if mask >> bit & 1
    )


def process(pid: int, status: str, cmdline: str, apparmor: str | None) -> Process:
    """Build a process of the text of its `status`, `cmdline` (NUL-separated) and `attr/current`."""
    fields = dict(re.findall(r"^(\w+):\s*(.*)$", status, re.MULTILINE))
    profile = (apparmor or "").strip("\0\n ")
    return Process(
        pid=pid,
        uid=int(fields["Uid"].split()[1]),
        gid=int(fields["Gid"].split()[1]),
        name=fields["Name"],
        cmdline=tuple(word for word in cmdline.split("\0") if word),
        effective_capabilities=capabilities(int(fields["CapEff"], 16)),
        no_new_privileges=fields.get("NoNewPrivs") == "1",
        seccomp=int(fields.get("Seccomp", "0")),
        apparmor=profile or None,
    )


def is_kernel_or_gone(status: str) -> bool:
    """Whether a status is of a process that has ended and only waits to be collected."""
    return bool(re.search(r"^State:\s*[ZX]", status, re.MULTILINE))


def listening(table: str, protocol: str) -> list[Socket]:
    """The listening sockets of a /proc/<pid>/net/{tcp,tcp6,udp,udp6} table; `protocol` is the file's name."""
    wanted = _LISTEN if protocol.startswith("tcp") else _UNCONNECTED
    found = []
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 3 and columns[3] == wanted:
            address, _, port = columns[1].partition(":")
            found.append(Socket(_address(address), int(port, 16), protocol.rstrip("6")))
    return found


def _address(text: str) -> str:
    """An address as the kernel prints it: 32-bit words in the machine's order (little-endian wherever Docker runs)."""
    words = bytes.fromhex(text)
    packed = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True)
class Limits:
    """Limits in force in a control group; None: unlimited."""

    memory_bytes: int | None
    cpu_quota: float | None  # CPUs
    pids: int | None


_NO_MEMORY_LIMIT = 1 << 60  # cgroup v1 writes "unlimited" as the largest multiple of a page


def limits(files: dict[str, str]) -> Limits:
    """Build limits of control-group files by name: v2's (memory.max, cpu.max, pids.max) or v1's."""
    memory = files.get("memory.max") or files.get("memory.limit_in_bytes")
    quota, period = _quota(files)
    number = _number(memory)
    return Limits(
        memory_bytes=None if number is None or number >= _NO_MEMORY_LIMIT else number,
        cpu_quota=None if quota is None or quota < 0 or not period else quota / period,
        pids=_number(files.get("pids.max")),
    )


def _quota(files: dict[str, str]) -> tuple[int | None, int | None]:
    if "cpu.max" in files:
        quota, period = files["cpu.max"].split()
        return _number(quota), int(period)
    return _number(files.get("cpu.cfs_quota_us")), _number(files.get("cpu.cfs_period_us"))


def _number(text: str | None) -> int | None:
    return None if text is None or text.strip() in ("", "max") else int(text)
