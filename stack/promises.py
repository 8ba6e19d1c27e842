"""The tables of profile.toml, one class each: what may be promised, with units, defaults and where a number comes from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PortSpec = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,5}/(tcp|udp)$")]
ImportPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]

Role = Literal[
    "edge",
    "application",
    "database",
    "cache",
    "queue",
    "worker",
    "chain",
    "wallet",
    "metrics",
    "exporter",
    "alerts",
    "dashboards",
    "logs",
    "log-shipper",
    "engine-proxy",
    "backup",
    "storage",
    "identity",
    "job",
]
Tier = Literal["critical", "important", "auxiliary"]


class Section(BaseModel):
    """A table of the profile: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StackSection(Section):
    """The stack as a whole."""

    name: Name | None = None
    description: str = ""
    server_name: Name | None = None  # the name the edge's certificate and virtual host answer to
    edge: Name | None = None  # the service that faces the internet
    https_port: PortNumber = 443  # inside the edge's container
    http_port: PortNumber = 80
    admin_port: PortNumber | None = None  # inside the edge's container; must answer on loopback only
    public_ports: tuple[PortSpec, ...] = ()  # besides the edge's own http and https ports
    health_path: str = "/health"
    locations: tuple[str, ...] = ("/",)  # paths the edge serves, for the header checks
    internal_paths: tuple[str, ...] = ()  # paths the edge must not serve (SEC-HDR-008)
    login_path: str | None = None


class ServiceSection(Section):
    """What one service is, and what is promised of it."""

    role: Role | None = None
    tier: Tier = "important"
    listens: tuple[PortSpec, ...] | None = None  # every socket it may listen on beyond its own loopback; None: unsaid
    must_serve: tuple[Name, ...] = ()  # what must go on serving while this one is away: service names or journey steps
    recovery_seconds: Positive | None = None  # back by itself within
    one_shot: bool = False  # runs to its end; no restart policy or health check is expected
    uid: Annotated[int, Field(ge=0)] | None = None
    capabilities: tuple[Name, ...] = ()  # effective ones it needs, without CAP_
    writable: tuple[str, ...] = ()  # paths it has to write to
    component: str | None = None  # "nginx 1.26": the key into the support table (SEC-SUP-001)
    logs: bool = True  # its lines are expected in the log store
    metrics_path: str | None = None
    idle: bool = False  # up only at times (the colour that is not active)


class Flow(Section):
    """Who may open a connection to whom; whatever is not listed must not work."""

    source: Name = Field(alias="from")
    target: Name = Field(alias="to")
    port: PortNumber
    protocol: Literal["tcp", "udp"] = "tcp"
    why: str = ""


class Egress(Section):
    """Who may reach addresses off this machine; the default is nobody."""

    allowed: tuple[Name, ...] = ()


class HostFirewall(Section):
    """What the host's own firewall lets in, and the command that sets it up; the drill runs that in a host of its own."""

    passes: Annotated[tuple[PortNumber, ...], Field(min_length=1, alias="pass")]  # TCP ports that answer from outside
    stops: Annotated[
        tuple[PortNumber, ...], Field(min_length=1, alias="stop")
    ]  # TCP ports that must not, published or not
    command: Annotated[tuple[str, ...], Field(min_length=1)]  # run as root beside the folder, with real ufw
    folder: str = "."  # what the command needs: mounted read-only under its own name


class Allowance(Section):
    """A named deviation from a check, with its reason: the finding is shown as accepted by design."""

    check: Name
    service: Name | None = None
    what: str = ""  # the exact thing excepted (a path, a capability, a port); empty: the check for that service
    reason: Annotated[str, StringConstraints(min_length=10)]


class RecoveryPoint(Section):
    """The most that may be lost, in seconds of writes."""

    database_seconds: Positive = 3600
    wallets_seconds: Positive = 86400


class RecoveryTime(Section):
    """The longest a restore may take, to the first verified transaction."""

    database_seconds: Positive = 1800
    wallets_seconds: Positive = 3600
    application_seconds: Positive = 900
    system_seconds: Positive = 14400


class Objectives(Section):
    """Service level and recovery objectives."""

    p95_ms: Positive | None = None
    p99_ms: Positive | None = None
    error_rate: Share | None = None
    availability: Share | None = None
    head_room: Positive | None = None  # capacity over the profile's rate (LOAD-STEP-001), 1.5 = half as much again
    spike_recovery_seconds: Positive | None = None
    recovery_seconds: Positive | None = None  # of a service that names none itself
    settle_seconds: Positive | None = None  # an escrow from its order to its confirmed payout, under the profile's load
    log_delay_seconds: Positive = 10
    rpo: RecoveryPoint | None = None
    rto: RecoveryTime | None = None


class Load(Section):
    """The load the gate applies (open model)."""

    users: Annotated[int, Field(ge=1)] = 500
    seconds_between_requests: Positive = 5.0
    duration_seconds: Positive = 60.0
    warm_up_seconds: Annotated[float, Field(ge=0)] = 5.0
    steps: tuple[Annotated[int, Field(ge=1)], ...] = (100, 500, 1000, 2000)  # users, for the capacity statement
    spike_users: Annotated[int, Field(ge=1)] | None = None
    locustfile: str = "load/locustfile.py"

    @property
    def arrivals_per_second(self) -> float:
        """The rate that `users` make."""
        return self.users / self.seconds_between_requests


class Journey(Section):
    """The stack's business, as an importable class (`module:Class`) with `act` and `verify` (stack/journey.py)."""

    path: ImportPath = Field(alias="class")
    options: dict[str, Any] = Field(default_factory=dict)


class Secrets(Section):
    """Where secrets are kept; paths are relative to the profile's folder."""

    file: str | None = None  # SOPS-encrypted
    age_key: str | None = None
    names: tuple[Name, ...] = ()
    allowed_environment: tuple[Name, ...] = ()  # names of variables that look secret and are not


class Tls(Section):
    """What the edge promises of its certificate."""

    ca_file: str | None = None  # relative to the profile's folder or absolute; "{state}" is the state folder
    names: tuple[Name, ...] = ()
    lifetime_days: Positive = 398  # CA/Browser Forum baseline requirements 6.3.2
    remaining_days: Positive = 14
    key_file: str | None = None  # path of the private key inside the edge's container


class Database(Section):
    """The database file and how it opens."""

    service: Name
    volume: Name
    path: str  # inside the service's container
    key_secret: Name
    kind: Literal["sqlcipher", "sqlite", "postgres", "mysql"] = "sqlcipher"


class Wallet(Section):
    """One wallet RPC."""

    service: Name
    port: PortNumber
    user: Name = "seatrial"
    password_secret: Name
    file_secret: Name | None = None
    volume: Name | None = None
    file: Name | None = None  # the wallet's file name in its volume


class Endpoint(Section):
    """A service's HTTP interface, as the operator reaches it."""

    service: Name
    port: PortNumber
    path: str = "/"
    user: Name | None = None
    password_secret: Name | None = None


class Degraded(Section):
    """What still works, and what is refused how, while some services are away together."""

    without: tuple[Name, ...] = Field(min_length=1)  # services
    serves: tuple[str, ...] = Field(min_length=1)  # paths of the edge, answered with 200 throughout
    refuses: tuple[Name, ...] = ()  # the journey's kinds of write: 503 with Retry-After, nothing done
    absence: tuple[Literal["paused", "stopped"], ...] = ("paused", "stopped")  # hanging, or gone with their addresses
    within_seconds: Positive = 5  # by when refusing has begun, and writes are taken again once all is back


class BackupJob(Section):
    """One thing that is backed up on a schedule."""

    service: Name
    schedule: tuple[Name, ...]  # crontab lines
    what: Literal["database", "wallets", "files"]
    interval_seconds: Positive  # the longest time between two runs: the loss is at most this and one duration
    pattern: str = "*.gpg"


class Backup(Section):
    """Backups: where they land and how they are protected."""

    volume: Name
    path: str  # inside the backup services' containers
    retention_days: Positive = 90
    public_key: str | None = None
    private_key: str | None = None
    passphrase_secret: Name | None = None
    jobs: tuple[BackupJob, ...] = ()


class Expectation(Section):
    """A row of the fault-to-alert matrix."""

    fault: Name
    target: Name
    fires: tuple[Name, ...] = ()
    silent: tuple[Name, ...] = ()
    within_seconds: Positive | None = None


class Alerts(Section):
    """Which alerts there must be and what makes them fire."""

    rules: str | None = None  # folder of rule files, relative to the profile
    required: tuple[Name, ...] = ()
    watchdog: Name | None = None
    receivers: dict[Name, Name] = Field(default_factory=dict)  # a severity → the Alertmanager receiver it has to reach
    expect: tuple[Expectation, ...] = ()


class Documents(Section):
    """What people open when something is wrong; Markdown files, relative to the profile's folder."""

    runbook: str | None = None  # folder with a page of its own name for every alert and experiment
    incident_response: str | None = None  # roles, severities, steps, templates
    objectives: str | None = None  # service level and recovery objectives, as they were promised to others


class TierNeeds(Section):
    """What a readiness tier needs."""

    score: Annotated[float, Field(ge=0, le=100)]
    coverage: Annotated[float, Field(ge=0, le=100)] = 100.0
    require: tuple[Name, ...] = ()  # ids that must PASS
    areas: tuple[Name, ...] = ()  # areas that must have been assessed; empty: all


class StagingNeeds(TierNeeds):
    """What STAGING-READY needs; a profile may ask for more and never for less, else the word would mean nothing."""

    score: Annotated[float, Field(ge=85, le=100)] = 85
    coverage: Annotated[float, Field(ge=100, le=100)] = 100


class ProductionNeeds(TierNeeds):
    """What PRODUCTION-READY needs; a profile may ask for more and never for less."""

    score: Annotated[float, Field(ge=95, le=100)] = 95
    coverage: Annotated[float, Field(ge=100, le=100)] = 100


class Gate(Section):
    """The tiers' thresholds."""

    staging: StagingNeeds = StagingNeeds()
    production: ProductionNeeds = ProductionNeeds()
    not_applicable: tuple[Name, ...] | None = (
        None  # ids reviewed as not applicable to this stack; None: nobody reviewed
    )


class Attach(Section):
    """What a session that attaches to a running project may do without being told on the command line."""

    project: Name | None = None
    allow: tuple[Literal["intrusive", "destructive", "faults"], ...] = ()
