"""Why: a rule too few leaves a door open and a rule too many locks the owner out, so what is written to the kernel is decided by pure code."""

from __future__ import annotations

from stack.ops.firewall import Bridge, Rule, bridges_of, rules_for, tagged

EDGE = Bridge("br-edge", masquerade=False, ipv6=False)
OPEN = Bridge("br-open", masquerade=True, ipv6=False)


def test_bridges_are_named_as_the_engine_names_them() -> None:
    networks = [
        {
            "Driver": "bridge",
            "Id": "0123456789abcdef",
            "Options": {"com.docker.network.bridge.enable_ip_masquerade": "false"},
        },
        {"Driver": "bridge", "Id": "f" * 64, "Options": {"com.docker.network.bridge.name": "own0"}, "EnableIPv6": True},
        {"Driver": "overlay", "Id": "e" * 64, "Options": None},
    ]

    assert bridges_of(networks) == (Bridge("br-0123456789ab", False, False), Bridge("own0", True, True))


def test_what_did_not_come_through_a_published_port_is_dropped() -> None:
    rules = [rule for rule in rules_for([EDGE]) if "DNAT" in rule.arguments]

    assert [rule.chain for rule in rules] == ["DOCKER-USER"]
    assert rules[0].arguments[:4] == ("!", "-i", "br-edge", "-o")


def test_only_a_bridge_without_masquerade_loses_its_way_out() -> None:
    outward = {
        rule.arguments[1] for rule in rules_for([EDGE, OPEN]) if rule.arguments[0] == "-i" and "!" in rule.arguments
    }

    assert outward == {"br-edge"}


def test_only_new_connections_are_ever_dropped() -> None:
    assert all("NEW" in rule.arguments for rule in rules_for([EDGE, OPEN]))


def test_rules_of_another_project_are_not_ours() -> None:
    listing = (
        "-A DOCKER-USER -i br-a -m comment --comment seatrial:mine -j DROP\n"
        "-A DOCKER-USER -i br-b -m comment --comment seatrial:mine-too -j DROP\n"
        "-A DOCKER-USER -j RETURN\n"
    )

    assert tagged(listing, "mine") == (
        Rule("DOCKER-USER", ("-i", "br-a", "-m", "comment", "--comment", "seatrial:mine", "-j", "DROP")),
    )
