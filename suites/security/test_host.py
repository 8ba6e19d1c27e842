"""The host under the stack, here or over --host ssh://…: the engine's socket, settings and files. Reported, never changed."""

from __future__ import annotations

import posixpath

import pytest

from stack.hosts import EngineHost
from stack.model import Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.host_engine import Engine, engine_on
from suites.security.rules import host as rule
from suites.security.rules.finding import Finding, judge

REMEDY = "In /etc/docker/daemon.json, then restart the engine: "

pytestmark = pytest.mark.of_a_host


@pytest.fixture(scope="module")
def engine(engine_host: EngineHost, request: pytest.FixtureRequest) -> Engine:
    """The engine of this stack, or of the machine that --host names; CannotTell when it can't be looked at."""
    ours = None if request.config.getoption("host") else request.getfixturevalue("running").driver
    return engine_on(engine_host, ours if ours is not None and ours.is_local() else None)


@check(
    "SEC-HOST-001",
    title="The engine socket's owner and mode admit only root and its group",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Whoever may write to the socket is root on the host.",
    remediation="chown root:docker and chmod 660 /var/run/docker.sock.",
    standards=("CIS-Docker 3.15", "CIS-Docker 3.16"),
)
def test_socket_admits_root_and_its_group(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    status = engine.socket_facts()

    evidence.observed(f"{engine.socket}: uid {status.uid}, gid {status.gid}, mode {status.mode:04o}")
    problem = rule.socket_problem(status.uid, status.mode)
    judge(
        [Finding(f"{engine.socket}: {problem}")] if problem else [],
        check="SEC-HOST-001",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-002",
    title="The engine listens on no TCP port without TLS client verification",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="An open engine port is root on the host for everybody who finds it; scanners find it within hours.",
    remediation="Use the socket or ssh://; if it must be TCP, --tlsverify with a CA of your own.",
    standards=("CIS-Docker 2.7",),
)
def test_engine_listens_on_no_open_tcp_port(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    found = rule.open_tcp(engine.command_line, engine.configuration)

    evidence.effective(
        f"engine started with {len(engine.command_line) - 1} options; open TCP hosts: {', '.join(found) or 'none'}"
    )
    judge(
        [Finding(f"the engine listens on {one} without client verification", what=one) for one in found],
        check="SEC-HOST-002",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-003",
    title="Live restore is on",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="Without it every update of the engine stops every container, so updates are put off.",
    remediation=REMEDY + '"live-restore": true',
    standards=("CIS-Docker 2.15",),
)
def test_live_restore_is_on(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    evidence.effective(f"LiveRestoreEnabled: {engine.info.get('LiveRestoreEnabled')}")
    if (engine.info.get("Swarm") or {}).get("LocalNodeState") == "active":
        not_applicable("the engine is a swarm node, where live restore does not exist")
    judge(
        [] if engine.info.get("LiveRestoreEnabled") else [Finding("live restore is off")],
        check="SEC-HOST-003",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-004",
    title="Containers on the default bridge can't talk to each other",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="Whatever is started without a network lands there, beside everything else that was.",
    remediation=REMEDY + '"icc": false',
    standards=("CIS-Docker 2.2",),
)
def test_default_bridge_separates(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    on = rule.setting("icc", engine.command_line, engine.configuration, default=True)

    evidence.effective(f"icc: {on}")
    judge(
        [Finding("inter-container communication is on for the default bridge")] if on else [],
        check="SEC-HOST-004",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-005",
    title="The userland proxy is off",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="The proxy hides clients' addresses and is one more process that listens for each port.",
    remediation=REMEDY + '"userland-proxy": false',
    standards=("CIS-Docker 2.16",),
)
def test_userland_proxy_is_off(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    on = rule.setting("userland-proxy", engine.command_line, engine.configuration, default=True)

    evidence.effective(f"userland-proxy: {on}")
    judge(
        [Finding("the userland proxy is on")] if on else [],
        check="SEC-HOST-005",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-006",
    title="The engine's default log driver rotates",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="A service somebody forgot to bound fills the disk of all.",
    remediation=REMEDY + '"log-opts": {"max-size": "10m", "max-file": "3"}',
    standards=("CIS-Docker 2.13",),
)
def test_default_log_driver_rotates(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    driver = str(engine.info.get("LoggingDriver") or "")
    options = dict(engine.configuration.get("log-opts") or {}) | rule.log_options(engine.command_line)

    evidence.effective(f"{driver}, {options}")
    problem = rule.log_problem(driver, options)
    judge([Finding(problem)] if problem else [], check="SEC-HOST-006", evidence=evidence, profile=stack.profile)


@check(
    "SEC-HOST-007",
    title="No-new-privileges is the engine's default",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="A default protects the container somebody starts in a hurry.",
    remediation=REMEDY + '"no-new-privileges": true',
    standards=("CIS-Docker 2.14",),
)
def test_no_new_privileges_is_the_default(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    options = [str(option) for option in engine.info.get("SecurityOptions") or ()]

    evidence.effective(", ".join(options))
    on = any("no-new-privileges" in option for option in options)
    judge(
        [] if on else [Finding("no-new-privileges is not the engine's default")],
        check="SEC-HOST-007",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-008",
    title="No insecure registry is configured",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="An image pulled without verified TLS is whatever somebody on the way made of it.",
    remediation="Remove insecure-registries; give the registry a certificate, or the engine its CA.",
    standards=("CIS-Docker 2.5",),
)
def test_no_insecure_registry(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    found = rule.insecure_registries(engine.info.get("RegistryConfig") or {})

    evidence.effective(f"insecure beyond loopback: {', '.join(found) or 'none'}")
    judge(
        [Finding(f"{one} may be talked to without verified TLS", what=one) for one in found],
        check="SEC-HOST-008",
        evidence=evidence,
        profile=stack.profile,
    )


@check(
    "SEC-HOST-009",
    title="The engine's group holds only accounts the profile names",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Membership in that group is root without a password.",
    remediation='Remove the account (gpasswd -d NAME docker), or name it: [[exceptions]] check = "SEC-HOST-009", what = NAME.',
    standards=("CIS-Docker 1.1.2",),
)
def test_engine_group_holds_only_named_accounts(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    gid = engine.socket_facts().gid
    if gid == 0:
        not_applicable("the engine's socket belongs to root's own group")
    group = engine.host.group(gid)
    if group is None:
        not_applicable(f"the socket's group {gid} has no name on this host, so no account is in it")
    called, accounts = group
    members = accounts - {"root"}

    evidence.observed(f"group {called}: {', '.join(sorted(members)) or 'nobody'}")
    judge(
        [Finding(f"{name} is in the group {called}", what=name) for name in sorted(members)],
        check="SEC-HOST-009", evidence=evidence, profile=stack.profile,
    )  # fmt: skip


@check(
    "SEC-HOST-010",
    title="daemon.json and the engine's directories have safe owners and modes",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Whoever can write there decides what the engine does at its next start.",
    remediation="chown root:root; chmod 644 daemon.json, 755 /etc/docker, 711 the data folder.",
    standards=("CIS-Docker 3.5", "CIS-Docker 3.6", "CIS-Docker 3.17", "CIS-Docker 3.18"),
)
def test_engine_files_have_safe_modes(stack: Stack, engine: Engine, evidence: Evidence) -> None:
    data = str(engine.info.get("DockerRootDir") or "/var/lib/docker")
    folder = posixpath.dirname(engine.daemon_json)
    offences = []
    for path, allowed in ((engine.daemon_json, 0o644), (folder, 0o755), (data, 0o711)):
        status = engine.host.facts(path)
        if status is None:
            evidence.observed(f"{path} does not exist")
            continue
        evidence.observed(f"{path}: uid {status.uid}, mode {status.mode:04o}")
        problem = rule.mode_problem(status.uid, status.mode, allowed)
        offences += [Finding(f"{path} {problem}", what=path)] if problem else []
    judge(offences, check="SEC-HOST-010", evidence=evidence, profile=stack.profile)
