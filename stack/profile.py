"""What a stack promises, as data: the schema of profile.toml, so that checks judge against a promise and never a guess.

A foreign stack without a profile has `Profile.empty()`: nothing promised. A check that needs a promise then says which
line of a profile would make it (`Profile.missing`). Numbers end in their unit; times of day and crontabs are UTC.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, PrivateAttr, model_validator

from stack.errors import UserError
from stack.measured import ApplicationMetrics
from stack.promises import (
    Alerts,
    Allowance,
    Attach,
    Backup,
    BackupJob,
    Database,
    Degraded,
    Documents,
    Egress,
    Endpoint,
    Expectation,
    Flow,
    Gate,
    HostFirewall,
    Journey,
    Load,
    Name,
    Objectives,
    RecoveryPoint,
    RecoveryTime,
    Role,
    Secrets,
    Section,
    ServiceSection,
    StackSection,
    Tier,
    TierNeeds,
    Tls,
    Wallet,
)
from stack.toml_lines import Problems, read_toml

__all__ = [
    "Alerts",
    "Allowance",
    "ApplicationMetrics",
    "Attach",
    "Backup",
    "BackupJob",
    "Database",
    "Degraded",
    "Documents",
    "Egress",
    "Endpoint",
    "Expectation",
    "Flow",
    "Gate",
    "HostFirewall",
    "Journey",
    "Load",
    "Name",
    "Objectives",
    "Profile",
    "RecoveryPoint",
    "RecoveryTime",
    "Role",
    "Secrets",
    "Section",
    "ServiceSection",
    "StackSection",
    "Tier",
    "TierNeeds",
    "Tls",
    "Wallet",
]


class Profile(Section):
    """All that one stack promises. `Profile.load` reads it, `Profile.empty` promises nothing."""

    stack: StackSection = StackSection()
    services: dict[Name, ServiceSection] = Field(default_factory=dict)
    flows: tuple[Flow, ...] | None = None  # None: nothing was promised, which is not the same as "no flows"
    egress: Egress | None = None
    host_firewall: HostFirewall | None = None
    exceptions: tuple[Allowance, ...] = ()
    objectives: Objectives = Objectives()
    load_: Load = Field(default=Load(), alias="load")
    journey: Journey | None = None
    secrets: Secrets = Secrets()
    tls: Tls = Tls()
    database: Database | None = None
    wallets: dict[Name, Wallet] = Field(default_factory=dict)
    chain: Endpoint | None = None
    metrics: Endpoint | None = None
    application_metrics: ApplicationMetrics | None = None
    wallet_metrics: Endpoint | None = None
    degraded: tuple[Degraded, ...] = ()
    alertmanager: Endpoint | None = None
    receiver: Endpoint | None = None
    logs: Endpoint | None = None
    dashboards: Endpoint | None = None
    backup: Backup | None = None
    alerts: Alerts = Alerts()
    documents: Documents = Documents()
    gate: Gate = Gate()
    attach: Attach = Attach()

    _path: Path | None = PrivateAttr(default=None)
    _problems: Problems | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _flows_are_listed_once(self) -> Profile:
        seen = [(flow.source, flow.target, flow.port, flow.protocol) for flow in self.flows or ()]
        twice = {flow for flow in seen if seen.count(flow) > 1}
        if twice:
            source, target, port, protocol = min(twice)
            message = f"the flow from {source} to {target} on {port}/{protocol} is listed twice"
            raise ValueError(message)
        return self

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read a profile.

        Raises:
            UserError: `profile.toml:12: unknown key 'flwos' (did you mean 'flows'?)`, with the line of the first mistake.

        """
        tree, problems = read_toml(path)
        profile = problems.validate(cls, tree)
        profile._path = path
        profile._problems = problems
        return profile

    @classmethod
    def empty(cls) -> Profile:
        """Promise nothing: for a stack that brought no profile."""
        return cls()

    @property
    def path(self) -> Path | None:
        """The file it was read from; None when there was none."""
        return self._path

    @property
    def folder(self) -> Path | None:
        """The folder that its relative paths start from."""
        return self._path.parent if self._path else None

    @property
    def is_empty(self) -> bool:
        """Whether there is no profile at all."""
        return self._path is None

    def service(self, name: str) -> ServiceSection:
        """What is promised of a service; the bare defaults when it is not named."""
        return self.services.get(name, ServiceSection())

    def excepted(self, check: str, service: str | None = None, what: str | None = None) -> Allowance | None:
        """The exception that covers this finding, if the profile names one."""
        for exception in self.exceptions:
            if exception.check != check or (exception.service and exception.service != service):
                continue
            if not exception.what or what is None or exception.what == what:
                return exception
        return None

    def recovery(self, service: str) -> timedelta | None:
        """How soon a service must be back by itself; None when nobody promised."""
        seconds = self.service(service).recovery_seconds or self.objectives.recovery_seconds
        return timedelta(seconds=seconds) if seconds else None

    def missing(self, line: str) -> str:
        """The reason of a NOT_APPLICABLE: which line of a profile would enable the check."""
        where = self._path.name if self._path else "a profile (--profile FILE)"
        return f"nothing is promised about this: `{line}` in {where} would enable it"

    def require_services(self, known: frozenset[str]) -> None:
        """Refuse a profile that names a service the compose files do not have.

        Raises:
            UserError: with the line and the nearest name there is.

        """
        problems = self._problems
        if problems is None:
            return
        for loc, name in self._named_services():
            if name not in known:
                raise UserError(problems.unknown(loc, "service", name, known, "the compose files have no such service"))

    def _named_services(self) -> list[tuple[tuple[str | int, ...], str]]:
        named: list[tuple[tuple[str | int, ...], str]] = [(("services", name), name) for name in self.services]
        if self.stack.edge:
            named.append((("stack", "edge"), self.stack.edge))
        for index, flow in enumerate(self.flows or ()):
            # "outside" and "host" are where traffic may come from or go to without being a service.
            named += [
                (("flows", index, key), name)
                for key, name in (("from", flow.source), ("to", flow.target))
                if name not in {"outside", "host"}
            ]
        for index, name in enumerate(self.egress.allowed if self.egress else ()):
            named.append((("egress", "allowed", index), name))
        for index, exception in enumerate(self.exceptions):
            if exception.service:
                named.append((("exceptions", index, "service"), exception.service))
        for key, endpoint in (
            ("database", self.database),
            ("chain", self.chain),
            ("metrics", self.metrics),
            ("wallet_metrics", self.wallet_metrics),
            ("alertmanager", self.alertmanager),
            ("receiver", self.receiver),
            ("logs", self.logs),
            ("dashboards", self.dashboards),
        ):
            if endpoint is not None:
                named.append(((key, "service"), endpoint.service))
        named += [
            (("degraded", index, "without", place), name)
            for index, case in enumerate(self.degraded)
            for place, name in enumerate(case.without)
        ]
        named += [(("wallets", key, "service"), wallet.service) for key, wallet in self.wallets.items()]
        if self.backup:
            named += [(("backup", "jobs", i, "service"), job.service) for i, job in enumerate(self.backup.jobs)]
        return named
