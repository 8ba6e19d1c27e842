"""A leftover rule must show in the fingerprint, and what the engine writes per start must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos import netns
from chaos.faults.rules import Standing, tagged
from chaos.netns import canonical_queues, canonical_rules

ENGINES_OWN = """\
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [8:512]
:DOCKER_OUTPUT - [0:0]
:DOCKER_POSTROUTING - [0:0]
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:42341
-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport 42341 -j SNAT --to-source :53
COMMIT
"""
OURS = """\
*filter
:INPUT ACCEPT [3:180]
:OUTPUT ACCEPT [0:0]
[7:420] -A INPUT -s 10.0.0.3/32 -m comment --comment seatrial-partition -j DROP
[2:120] -A OUTPUT -d 10.0.0.3/32 -m comment --comment seatrial-partition -j DROP
[9:999] -A INPUT -s 10.0.0.4/32 -j DROP
COMMIT
"""


def test_what_the_engine_writes_is_no_part_of_the_fingerprint() -> None:
    assert canonical_rules(ENGINES_OWN) == []


def test_an_empty_table_left_by_a_deleted_rule_is_nothing() -> None:
    assert canonical_rules("*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [3:9]\nCOMMIT\n") == []


def test_a_rule_a_policy_and_a_chain_of_somebodys_own_count() -> None:
    saved = "*filter\n:INPUT DROP [0:0]\n:MINE - [0:0]\n-A INPUT -s 10.0.0.3/32 -j DROP\nCOMMIT\n"

    assert canonical_rules(saved) == [
        "filter -A INPUT -s 10.0.0.3/32 -j DROP",
        "filter chain INPUT DROP",
        "filter chain MINE -",
    ]


def test_only_tagged_rules_are_found_with_the_words_they_were_made_with_and_their_counters() -> None:
    comment = ("-m", "comment", "--comment", "seatrial-partition", "-j", "DROP")

    assert tagged(OURS, "seatrial-partition") == [
        Standing("filter", ("INPUT", "-s", "10.0.0.3/32", *comment), 7),
        Standing("filter", ("OUTPUT", "-d", "10.0.0.3/32", *comment), 2),
    ]


def test_a_tag_that_only_begins_alike_is_another_faults() -> None:
    assert tagged(OURS, "seatrial-part") == []
    assert len(tagged(OURS, "seatrial-")) == 2


def test_queues_are_compared_without_interface_names_and_kernel_defaults() -> None:
    shown = "qdisc noqueue 0: dev lo root refcnt 2\nqdisc netem 8001: dev eth1 root refcnt 2 limit 1000 delay 200ms\n"

    assert canonical_queues(shown) == ["netem root refcnt 2 limit 1000 delay 200ms"]


@pytest.mark.parametrize(
    ("file", "text", "seen"),
    [
        ("cgroup", "12:pids:/docker/abc123\n", True),
        ("mountinfo", "9 1 0:2 /var/lib/docker/containers/abc123/hosts /etc/hosts rw - ext4 /dev/sda rw\n", True),
        ("cgroup", "12:pids:/docker/fed987\n", False),
        ("cgroup", "0::/\n", False),
        ("nothing", "", False),
    ],
)
def test_a_process_of_the_same_number_that_is_not_the_containers_is_not_entered(
    tmp_path: Path, file: str, text: str, seen: bool
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / file).write_text(text)

    assert netns.is_seen_here({"Id": "abc123", "State": {"Pid": 7}}, proc=tmp_path) is seen


def test_a_queues_own_counter_is_no_part_of_the_fingerprint() -> None:
    shown = "qdisc htb 1abc: dev eth0 root refcnt 3 r2q 10 default 0 direct_packets_stat {} direct_qlen 1000\n"

    assert canonical_queues(shown.format(12)) == canonical_queues(shown.format(113)) != []
