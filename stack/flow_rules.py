"""Makes the profile's flows true inside a bridge, where the engine lets every container reach every other.

Services have fixed addresses in the lower half of each of the project's networks (compose.yaml). Between those, a new
connection passes only where a flow of the profile says so. Addresses of the upper half are given out by the engine to what
an operator joins for a while (drills, probes, one-shot restores), and are not restricted here.

Packets inside a bridge reach these rules where the kernel hands them to iptables (br_netfilter, which the engine loads
with `icc: false`, as set-up configures it); elsewhere they never match, and SEC-NET-002 says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.ops.firewall import BRIDGE_NAME, FORWARD_CHAIN, Rule
from stack.profile import Flow, Profile
from stack.project import COMPOSE_FILE

PROFILE = Path(__file__).with_name("profile.toml")
_CONFIG_FILES_LABEL = "com.docker.compose.project.config_files"
_NETWORK_LABEL = "com.docker.compose.network"


@dataclass(frozen=True, order=True)
class Address:
    """A service's fixed address in one of the project's bridges."""

    interface: str
    service: str
    address: str


def rules_between(addresses: Iterable[Address], lower_halves: Mapping[str, str], flows: Sequence[Flow]) -> tuple[Rule, ...]:
    """Answer the rules for bridges whose lower half (interface → network) is known: the flows pass, all else new is dropped."""
    rules: list[Rule] = []
    standing = sorted(addresses)
    for interface, half in sorted(lower_halves.items()):
        inside = ("-i", interface, "-o", interface)
        here = {a.service: a.address for a in standing if a.interface == interface}
        for flow in flows:
            source, target = here.get(flow.source), here.get(flow.target)
            if source and target:
                match = ("-s", f"{source}/32", "-d", f"{target}/32", "-p", flow.protocol, "--dport", str(flow.port))
                rules.append(Rule(FORWARD_CHAIN, (*inside, *match, "-j", "RETURN")))
        both = ("-s", half, "-d", half, "-m", "conntrack", "--ctstate", "NEW")
        rules.append(Rule(FORWARD_CHAIN, (*inside, *both, "-j", "DROP")))
    return tuple(rules)


def addresses_of(rendered: Mapping[str, Any], networks: Iterable[Mapping[str, Any]]) -> tuple[Address, ...]:
    """Answer each service's address in the project's networks: its declared place, in the subnet that the network really has.

    The declaration and not the containers, so that a colour that is started later finds its flows already open.
    """
    real = {(network.get("Labels") or {}).get(_NETWORK_LABEL): network for network in networks}
    found = []
    for service, config in rendered["services"].items():
        for name, joined in (config.get("networks") or {}).items():
            fixed, network = (joined or {}).get("ipv4_address"), real.get(name)
            if fixed and network and network.get("Driver") == "bridge":
                declared = ipaddress.ip_network(rendered["networks"][name]["ipam"]["config"][0]["subnet"])
                place = int(ipaddress.ip_address(fixed)) - int(declared.network_address)
                pool = ipaddress.ip_network(network["IPAM"]["Config"][0]["Subnet"])
                found.append(Address(_interface(network), service, str(pool[place])))
    return tuple(sorted(found))


def lower_halves_of(networks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Answer interface → lower half of each bridge that keeps its upper half (an IPAM range) for the engine to give out."""
    halves = {}
    for network in networks:
        for pool in (network.get("IPAM") or {}).get("Config") or ():
            if network.get("Driver") != "bridge" or not pool.get("IPRange"):
                continue
            lower, upper = ipaddress.ip_network(pool["Subnet"]).subnets()
            if ipaddress.ip_network(pool["IPRange"]) == upper:
                halves[_interface(network)] = str(lower)
    return halves


def rules_of(project: str) -> tuple[Rule, ...]:
    """Answer the flow rules of a project of the reference stack; none for any other, whose flows nobody promised here.

    Raises `NoEngine` when none answers, `UserError` when the profile can't be read.
    """
    from stack.driver import Driver

    driver = Driver.connect(project, [COMPOSE_FILE], profiles=("*",))
    files = {(c["Config"].get("Labels") or {}).get(_CONFIG_FILES_LABEL, "") for c in driver.containers(all=True)}
    if not any(str(COMPOSE_FILE) in listed.split(",") for listed in files):
        return ()
    networks = driver.networks()
    flows = Profile.load(PROFILE).flows or ()
    return rules_between(addresses_of(driver.rendered(), networks), lower_halves_of(networks), flows)


def _interface(network: Mapping[str, Any]) -> str:
    return str((network.get("Options") or {}).get(BRIDGE_NAME) or f"br-{network['Id'][:12]}")
