"""Inside a bridge the profile's flows pass and nothing else does, also for a colour that is started later."""

from __future__ import annotations

from typing import Any

from stack.flow_rules import Address, addresses_of, lower_halves_of, rules_between
from stack.profile import Flow


def flow(source: str, target: str, port: int) -> Flow:
    return Flow.model_validate({"from": source, "to": target, "port": port})


def network(name: str, subnet: str, upper: str | None) -> dict[str, Any]:
    pool = {"Subnet": subnet} | ({"IPRange": upper} if upper else {})
    return {
        "Id": f"{name}-0123456789abcdef",
        "Driver": "bridge",
        "Labels": {"com.docker.compose.network": name},
        "IPAM": {"Config": [pool]},
    }


RENDERED: dict[str, Any] = {
    "services": {
        "nginx": {"networks": {"edge": {"ipv4_address": "10.89.1.10"}}},
        "server-green": {"networks": {"edge": {"ipv4_address": "10.89.1.12"}}},
        "backup-database": {"network_mode": "none"},
        "drill": {"networks": {"edge": None}},
    },
    "networks": {"edge": {"ipam": {"config": [{"subnet": "10.89.1.0/24"}]}}},
}


def test_a_flow_passes_by_address_and_port_and_all_else_new_is_dropped() -> None:
    addresses = [Address("br-x", "a", "10.0.0.10"), Address("br-x", "b", "10.0.0.11")]

    rules = rules_between(addresses, {"br-x": "10.0.0.0/25"}, [flow("a", "b", 8000)])

    texts = [" ".join(rule.arguments) for rule in rules]
    assert texts == [
        "-i br-x -o br-x -s 10.0.0.10/32 -d 10.0.0.11/32 -p tcp --dport 8000 -j RETURN",
        "-i br-x -o br-x -s 10.0.0.0/25 -d 10.0.0.0/25 -m conntrack --ctstate NEW -j DROP",
    ]


def test_a_flow_from_outside_or_to_another_bridge_needs_no_rule_here() -> None:
    addresses = [Address("br-x", "a", "10.0.0.10"), Address("br-y", "b", "10.0.1.11")]

    rules = rules_between(addresses, {"br-x": "10.0.0.0/25"}, [flow("a", "b", 1), flow("outside", "a", 443)])

    assert [rule.arguments[-1] for rule in rules] == ["DROP"]


def test_addresses_are_the_declared_places_in_the_subnet_the_network_really_has() -> None:
    found = addresses_of(RENDERED, [network("edge", "10.112.1.0/24", None)])

    assert [(a.service, a.address) for a in found] == [("nginx", "10.112.1.10"), ("server-green", "10.112.1.12")]


def test_only_a_network_whose_upper_half_is_the_engines_is_restricted() -> None:
    networks = [
        network("edge", "10.89.1.0/24", "10.89.1.128/25"),
        network("plain", "10.89.2.0/24", None),
        network("odd", "10.89.3.0/24", "10.89.3.64/26"),
    ]

    assert list(lower_halves_of(networks).values()) == ["10.89.1.0/25"]
