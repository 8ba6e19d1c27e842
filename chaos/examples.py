"""One fault of each effect as the small stack can have it: what the campaign kills in, the benchmark times and `list` shows.

A fault that isn't here stands in ELSEWHERE with the reason; a test sees that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaos.effect import Fault
from chaos.faults import (
    Bandwidth,
    Blackhole,
    Disconnected,
    DnsBroken,
    Jitter,
    Killed,
    Latency,
    Loss,
    Partitioned,
    Paused,
    Removed,
    Reset,
    Restarted,
    SlowClose,
    Stopped,
)
from chaos.faults.backups import BackupMissing
from chaos.faults.certificates import CertificateExpired
from chaos.faults.database_lock import DatabaseLocked
from chaos.faults.descriptors import FileDescriptorsExhausted
from chaos.faults.files import FileCorrupted, FileTruncated
from chaos.faults.memory import OutOfMemory
from chaos.faults.secrets import SecretWrong
from chaos.faults.stress import CpuStress, IoStress, MemoryStress
from chaos.faults.upstream import UpstreamWrong
from chaos.faults.wal import StaleWal

FETCH = ("curl", "-s", "-o", "/dev/null", "-m", "0.3", "http://web:8000/")


@dataclass(frozen=True)
class Example:
    """A fault of chaos/campaign/compose.yaml, with what makes its effect show."""

    fault: Fault
    stir: tuple[str, ...] = FETCH
    """Run in `client`, again and again, until the fault's witness has seen something; what it answers doesn't matter."""


EXAMPLES: Mapping[str, Example] = {
    "backup_missing": Example(BackupMissing("store", "/data/backups", "store-*.tar")),
    "bandwidth": Example(Bandwidth("client", "web", 8000, kilobytes_per_second=100)),
    "blackhole": Example(Blackhole("client", "web", 8000)),
    "certificate_expired": Example(CertificateExpired("edge", port=8443)),
    "cpu_stress": Example(CpuStress("web")),
    "database_locked": Example(DatabaseLocked("store", seconds=20, path="/data/store.db")),
    "descriptors_exhausted": Example(FileDescriptorsExhausted("web")),
    "disconnected": Example(Disconnected("web", "inside")),
    "dns_broken": Example(DnsBroken("client", "nxdomain")),
    "file_corrupted": Example(FileCorrupted("store", "/data/wallet.bin")),
    "file_truncated": Example(FileTruncated("store", "/data/wallet.bin", size=100, held=False)),
    "io_stress": Example(IoStress("store", "/data", megabytes=4)),
    "jitter": Example(Jitter("client", "web", 8000, milliseconds=50, spread_milliseconds=40)),
    "killed": Example(Killed("web")),
    "latency": Example(Latency("client", "web", 8000, milliseconds=50)),
    "loss": Example(Loss("client", "web", percent=50)),
    "memory_stress": Example(MemoryStress("web", percent=80)),
    "out_of_memory": Example(OutOfMemory("web")),
    "partitioned": Example(Partitioned("web", ("client",))),
    "paused": Example(Paused("web")),
    "removed": Example(Removed("web")),
    "reset": Example(Reset("client", "web", 8000)),
    "restarted": Example(Restarted("web", grace_seconds=1)),
    "secret_wrong": Example(SecretWrong("edge", "ca.crt", folder="/etc/seatrial/tls")),
    "slow_close": Example(SlowClose("client", "web", 8000, milliseconds=50)),
    "stale_wal": Example(StaleWal("store", "/data/store.db")),
    "stopped": Example(Stopped("web", grace_seconds=1)),
    "upstream_wrong": Example(UpstreamWrong("edge")),
}

ELSEWHERE: Mapping[str, str] = {
    "rule_muted": "it has no Alertmanager: EXP-ALR-049 mutes the one of a whole stack",
    "imported": "its effect is what somebody's file says: tests/chaos/test_toolkit_import.py has files of its own",
    "clock_skew": "its programs were not started under libfaketime: a stack that was brought up with --faults has that",
    "disk_full": "its volume is on the host's own disk, which is never filled: a stack that was brought up with --faults has its own",
}
"""Effects that the small stack can't have, and why."""
