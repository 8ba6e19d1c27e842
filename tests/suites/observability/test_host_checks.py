"""OBS-SYS-001 and OBS-CARD-001: an exporter that tells of its container or lies is found, and so is what nobody bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stack.clients.prometheus import Target
from suites.observability.host_counters import Comparison, Key, exported, of_kernel, way_out
from suites.observability.test_cardinality import limits_of, over_the_bound

TOTAL: Key = ("node_memory_MemTotal_bytes",)
FREE: Key = ("node_memory_MemAvailable_bytes",)
CPU: Key = ("node_cpu_seconds_total", "0", "user")
NET: Key = ("node_network_receive_bytes_total", "eth0")
SIZE: Key = ("node_filesystem_size_bytes", "/")
ROOM: Key = ("node_filesystem_avail_bytes", "/")
BEFORE: dict[Key, float] = {TOTAL: 1000, FREE: 500, CPU: 10, NET: 70, SIZE: 2000, ROOM: 900}
AFTER: dict[Key, float] = {**BEFORE, CPU: 11, NET: 90, FREE: 480}
TRUE: dict[Key, float] = {**BEFORE, CPU: 10.5, NET: 80}


def test_what_lies_between_two_answers_of_the_kernel_is_true() -> None:
    assert Comparison(BEFORE, TRUE, AFTER).disagreements() == []


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (TOTAL, 999, "MemTotal_bytes is 999, the host says 1000 to 1000"),
        (FREE, 400, "MemAvailable_bytes is 400"),
        (CPU, 9.4, "cpu_seconds_total{0, user} is 9"),
        (CPU, 11.6, "cpu_seconds_total{0, user} is 12"),
        (NET, 69, "receive_bytes_total{eth0} is 69, the host says 70 to 90"),
        (NET, 91, "receive_bytes_total{eth0} is 91"),
        (SIZE, 1999, "filesystem_size_bytes{/} is 1999"),
        (ROOM, 700, "filesystem_avail_bytes{/} is 700"),
        (("node_network_receive_bytes_total", "tap0"), 1, "tap0} is exported, and the host has no such thing"),
    ],
)
def test_a_value_that_the_kernel_never_said_is_told(key: Key, value: float, says: str) -> None:
    found = Comparison(BEFORE, {**TRUE, key: value}, AFTER).disagreements()

    assert len(found) == 1
    assert says in found[0]


def test_a_kind_that_is_not_exported_is_told() -> None:
    said = {key: value for key, value in TRUE.items() if key != NET}

    assert Comparison(BEFORE, said, AFTER).disagreements() == ["no network metric is exported"]


def test_an_interface_that_came_meanwhile_is_no_lie() -> None:
    came: Key = ("node_network_receive_bytes_total", "br-1")

    assert Comparison(BEFORE, {**TRUE, came: 5}, {**AFTER, came: 7}).disagreements() == []


def test_the_kernel_is_read_in_the_exporters_units(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "stat").write_text("cpu  9 9\ncpu0 200 0 100 400 5 6 7 8 0 0\nintr 5\n")
    (tmp_path / "meminfo").write_text("MemTotal:  2 kB\nMemFree: 9 kB\nMemAvailable:    1 kB\n")
    (tmp_path / "diskstats").write_text(" 254 0 vda 1 0 8 0 2 0 16 0 0 0 0\n")
    (tmp_path / "net" / "dev").write_text("Inter-|\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 9 10\n  eth0:11 0 0 0 0 0 0 0 12 0\n")
    (tmp_path / "net" / "route").write_text("Iface Destination\neth0 00000000 0101A8C0 3 0 0 0 00000000 0\n")

    said = of_kernel(["/", "/no/such/place"], tmp_path)

    assert said["node_cpu_seconds_total", "0", "user"] == 2.0
    assert said["node_cpu_seconds_total", "0", "system"] == 1.0
    assert (said[TOTAL], said[FREE]) == (2048, 1024)
    assert said["node_disk_read_bytes_total", "vda"] == 8 * 512
    assert said["node_disk_written_bytes_total", "vda"] == 16 * 512
    assert (said[NET], said["node_network_transmit_bytes_total", "eth0"]) == (11, 12)
    assert [key[1] for key in said if key[0] == "node_filesystem_size_bytes"] == ["/"]
    assert way_out(tmp_path) == "eth0"


def test_what_is_exported_is_read_and_file_systems_without_a_device_are_not() -> None:
    text = """\
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="user"} 10.5
# TYPE node_filesystem_size_bytes gauge
node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 2000
node_filesystem_size_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/run"} 3
# TYPE node_load1 gauge
node_load1 1
"""
    assert exported(text) == {CPU: 10.5, SIZE: 2000}


# ── OBS-CARD-001 ────────────────────────────────────────────────────────────────────────────────────────────────────────


def target(job: str, error: str = "") -> Target:
    return Target(job, f"{job}:1", {}, "down" if error else "up", "", error, None, 0.0)


def test_a_jobs_own_limit_is_stronger_than_the_worlds() -> None:
    config: dict[str, Any] = {"scrape_configs": [{"job_name": "a", "sample_limit": 5}, {"job_name": "b"}]}

    assert limits_of({**config, "global": {"sample_limit": 9}}) == {"a": 5, "b": 9}
    assert limits_of(config) == {"a": 5, "b": 0}


@pytest.mark.parametrize(
    ("one", "limit", "count", "says"),
    [
        (target("a"), 10, 10, None),
        (target("a"), 0, 3, "a a:1 brings 3 series, and no sample_limit bounds it"),
        (target("a"), 10, 11, "a a:1 brings more series than it may, expected 10 at most"),
        (target("a", "sample limit exceeded"), 10, 0, "brings more series than it may"),
        (target("a", "connection refused"), 10, 0, None),  # OBS-TGT-001 tells of it
    ],
)
def test_a_target_without_a_bound_or_over_it_is_told(one: Target, limit: int, count: int, says: str | None) -> None:
    found = over_the_bound([one], {"a": limit}, {("a", "a:1"): count})

    assert (found == []) if says is None else (len(found) == 1 and says in found[0])
