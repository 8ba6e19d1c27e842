"""What the kernel prints is read right: real /proc and control-group texts, both versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.procfs import Limits, Socket, capabilities, is_kernel_or_gone, limits, listening, process

STATUS = """Name:\tnginx
State:\tS (sleeping)
Tgid:\t12
Uid:\t1000\t1001\t1001\t1001
Gid:\t2000\t2001\t2001\t2001
CapInh:\t0000000000000000
CapPrm:\t0000000000000400
CapEff:\t0000000000000400
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
"""

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0301590A:01BB 0101590A:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


def test_a_process_has_its_effective_ids_and_what_confines_it() -> None:
    found = process(12, STATUS, "nginx\0-g\0daemon off;\0", "docker-default (enforce)\n")

    assert (found.uid, found.gid, found.name) == (1001, 2001, "nginx")
    assert found.cmdline == ("nginx", "-g", "daemon off;")
    assert found.effective_capabilities == {"NET_BIND_SERVICE"}
    assert found.no_new_privileges
    assert found.seccomp == 2
    assert found.apparmor == "docker-default (enforce)"


def test_no_profile_is_none_and_not_an_empty_name() -> None:
    assert process(12, STATUS, "", "\0").apparmor is None
    assert process(12, STATUS, "", None).apparmor is None


def test_our_own_process_is_read() -> None:
    found = process(0, Path("/proc/self/status").read_text(), Path("/proc/self/cmdline").read_text(), None)

    assert found.cmdline
    assert found.uid >= 0


def test_a_zombie_is_gone() -> None:
    assert is_kernel_or_gone(STATUS.replace("S (sleeping)", "Z (zombie)"))
    assert not is_kernel_or_gone(STATUS)


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (0, set()),
        (0x1, {"CHOWN"}),
        (0x3000, {"NET_ADMIN", "NET_RAW"}),
        (1 << 40, {"CHECKPOINT_RESTORE"}),
        (1 << 50, {"CAP_50"}),
    ],
)
def test_capability_masks(mask: int, names: set[str]) -> None:
    assert capabilities(mask) == names


def test_only_listening_sockets_count() -> None:
    assert listening(TCP, "tcp") == [Socket("127.0.0.1", 8080, "tcp"), Socket("0.0.0.0", 443, "tcp")]


def test_addresses_of_version_6_are_read_and_mapped_ones_shown_as_what_they_are() -> None:
    found = listening(TCP6, "tcp6")

    assert [socket.address for socket in found] == ["::", "::1", "127.0.0.1"]
    assert [socket.is_loopback for socket in found] == [False, True, True]


def test_an_unconnected_udp_socket_listens() -> None:
    table = TCP.replace(" 0A ", " 07 ")

    assert [socket.port for socket in listening(table, "udp")] == [8080, 443]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "134217728\n", "cpu.max": "150000 100000\n", "pids.max": "64\n"}, Limits(134217728, 1.5, 64)),
        ({"memory.max": "max\n", "cpu.max": "max 100000\n", "pids.max": "max\n"}, Limits(None, None, None)),
        (
            {
                "memory.limit_in_bytes": "134217728\n",
                "cpu.cfs_quota_us": "50000\n",
                "cpu.cfs_period_us": "100000\n",
                "pids.max": "9\n",
            },
            Limits(134217728, 0.5, 9),
        ),
        (
            {
                "memory.limit_in_bytes": "9223372036854771712\n",
                "cpu.cfs_quota_us": "-1\n",
                "cpu.cfs_period_us": "100000\n",
            },
            Limits(None, None, None),
        ),
        ({}, Limits(None, None, None)),
    ],
)
def test_limits_of_both_control_group_versions(files: dict[str, str], expected: Limits) -> None:
    assert limits(files) == expected
