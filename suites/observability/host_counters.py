"""What the kernel says of this machine, in node_exporter's names and units, for holding an exporter against it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, ...]
"""A metric and the values of the labels that tell its series apart."""

_SECTOR_BYTES = 512  # Documentation/admin-guide/iostats.rst: diskstats counts these, whatever the disk's own are
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # proc(5), /proc/stat
_LABELS: Mapping[str, tuple[str, ...]] = {
    "node_cpu_seconds_total": ("cpu", "mode"),
    "node_memory_MemTotal_bytes": (),
    "node_memory_MemAvailable_bytes": (),
    "node_filesystem_size_bytes": ("mountpoint",),
    "node_filesystem_avail_bytes": ("mountpoint",),
    "node_disk_read_bytes_total": ("device",),
    "node_disk_written_bytes_total": ("device",),
    "node_network_receive_bytes_total": ("device",),
    "node_network_transmit_bytes_total": ("device",),
}
KINDS: Mapping[str, tuple[str, ...]] = {
    "CPU": ("node_cpu_",),
    "memory": ("node_memory_",),
    "disk": ("node_filesystem_", "node_disk_"),
    "network": ("node_network_",),
}
_CPU_SLACK = 0.5
"""Seconds: idle and iowait may run backwards for a moment (proc(5)), and an exporter does not follow them."""
_GAUGE_SLACK = 0.05
"""Of the whole: free memory and space move while they are asked for."""


def exported(text: str) -> dict[Key, float]:
    """The values of an exposition text that can be held against the kernel's; file systems without a device are left out."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = _LABELS.get(sample.name)
            if labels is None or not sample.labels.get("device", "/").startswith("/") and "mountpoint" in labels:
                continue
            found[(sample.name, *(sample.labels[label] for label in labels))] = float(sample.value)
    return found


def of_kernel(mountpoints: Iterable[str], proc: Path = Path("/proc")) -> dict[Key, float]:
    """The same from /proc, and from statvfs for these mount points (one that can't be asked is missing)."""
    found: dict[Key, float] = {}
    for cpu, numbers in re.findall(r"^cpu(\d+) (.*)$", (proc / "stat").read_text(), re.MULTILINE):
        ticks = os.sysconf("SC_CLK_TCK")
        for mode, number in zip(_MODES, numbers.split(), strict=False):
            found["node_cpu_seconds_total", cpu, mode] = int(number) / ticks
    for name, kib in re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", (proc / "meminfo").read_text(), re.MULTILINE):
        found[(f"node_memory_{name}_bytes",)] = int(kib) * 1024
    for line in (proc / "diskstats").read_text().splitlines():
        words = line.split()
        found["node_disk_read_bytes_total", words[2]] = int(words[5]) * _SECTOR_BYTES
        found["node_disk_written_bytes_total", words[2]] = int(words[9]) * _SECTOR_BYTES
    for device, numbers in re.findall(r"^\s*(\S+):\s*(\d.*)$", (proc / "net" / "dev").read_text(), re.MULTILINE):
        counts = numbers.split()
        found["node_network_receive_bytes_total", device] = int(counts[0])
        found["node_network_transmit_bytes_total", device] = int(counts[8])
    for mountpoint in mountpoints:
        try:
            told = os.statvfs(mountpoint)
        except OSError:
            continue
        found["node_filesystem_size_bytes", mountpoint] = told.f_blocks * told.f_frsize
        found["node_filesystem_avail_bytes", mountpoint] = told.f_bavail * told.f_frsize
    return found


@dataclass(frozen=True)
class Comparison:
    """An exporter's answer between two of the kernel's."""

    before: Mapping[Key, float]
    said: Mapping[Key, float]
    after: Mapping[Key, float]

    def disagreements(self) -> list[str]:
        """Where it says what the kernel did not say before or after it, or nothing: sentences."""
        found = [
            f"no {kind} metric is exported"
            for kind, starts in KINDS.items()
            if not any(key[0].startswith(starts) for key in self.said)
        ]
        return found + [complaint for key in sorted(self.said) if (complaint := self._complaint(key))]

    def _complaint(self, key: Key) -> str | None:
        name = f"{key[0]}{{{', '.join(key[1:])}}}" if key[1:] else key[0]
        if key not in self.before and key not in self.after:
            return f"{name} is exported, and the host has no such thing"
        if key not in self.before or key not in self.after:  # it came or went meanwhile
            return None
        slack = self._slack(key)
        low, high = sorted((self.before[key], self.after[key]))
        if low - slack <= self.said[key] <= high + slack:
            return None
        return f"{name} is {self.said[key]:.0f}, the host says {low:.0f} to {high:.0f}"

    def _slack(self, key: Key) -> float:
        if key[0] == "node_cpu_seconds_total":
            return _CPU_SLACK
        if key[0] == "node_memory_MemAvailable_bytes":
            return _GAUGE_SLACK * self.before["node_memory_MemTotal_bytes",]
        if key[0] == "node_filesystem_avail_bytes":
            return _GAUGE_SLACK * self.before["node_filesystem_size_bytes", key[1]]
        return 0.0


def way_out(proc: Path = Path("/proc")) -> str | None:
    """The interface of the default route (IPv4); None when there is none."""
    for line in (proc / "net" / "route").read_text().splitlines()[1:]:
        words = line.split()
        if words[1] == "00000000" and words[7] == "00000000":
            return words[0]
    return None
