"""The stack as one object: what is declared, what runs, and the ways to speak to it; everything a check needs starts here."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.compose import Declared, EnvFile, Variable, load_project
from stack.container import Container, Limits, Process, Socket
from stack.driver import SERVICE_LABEL, Driver
from stack.edge import Edge
from stack.errors import CannotTell, UserError
from stack.located import Where, where_of
from stack.profile import Endpoint, Profile
from stack.roles import Inference, infer, job_reason, sole_web
from stack.service import Mount, Port, Service, service_of
from stack.toml_lines import nearest

if TYPE_CHECKING:
    from stack.clients.alertmanager import Alertmanager
    from stack.clients.loki import Loki
    from stack.clients.prometheus import Prometheus
    from stack.clients.receiver import Receiver
    from stack.clients.wallet import WalletRpc

__all__ = [
    "ROOT", "Container", "Edge", "Limits", "Mount", "Port", "Process", "Service", "Socket", "Stack", "Where",
]  # fmt: skip

ROOT = Path(__file__).resolve().parent.parent
_ANYWHERE = ("0.0.0.0", "::", "")


class Stack:
    """One compose project with its profile. Declared facts need no engine; whatever does raises NoEngine without one."""

    def __init__(self, declared: Declared, profile: Profile, excluded: Iterable[str], env: Mapping[str, str]) -> None:
        """Put a rendered project and its profile together; `Stack.load` is the usual way."""
        self.declared = declared
        self.profile = profile
        self.excluded = frozenset(excluded)
        self.env = dict(env)
        self.attached = False  # set by a session that uses somebody's running project; never on the reference stack
        self.absent: dict[str, str] = {}  # services that could not be started, and why
        self._services = _services(declared, profile)

    def __repr__(self) -> str:
        """The project and its size."""
        return f"<Stack {self.project}: {len(self._services)} services>"

    @classmethod
    def load(
        cls,
        compose_files: Sequence[Path],
        *,
        project: str | None = None,
        profile: Path | Profile | None = None,
        without: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Stack:
        """Read compose files and profile; touches no engine. `env` is added to the environment for interpolation.

        Raises:
            UserError: anything wrong with the files, in one sentence with file and line.

        """
        env = dict(env or {})
        declared = load_project(compose_files, project=project, env=os.environ | env)
        promised = profile if isinstance(profile, Profile) else Profile.load(profile) if profile else Profile.empty()
        names = frozenset(declared.tree["services"])
        promised.require_services(names)
        excluded = frozenset(without)
        for name in sorted(excluded - names):
            message = f"--without {name}: there is no such service{nearest(name, names)}"
            raise UserError(message)
        return cls(declared, promised, excluded, env)

    # ── declared ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def project(self) -> str:
        """The compose project's name."""
        return self.declared.project

    @property
    def compose_files(self) -> tuple[Path, ...]:
        """The files it was read from, in the order they were merged."""
        return self.declared.files

    @property
    def rendered(self) -> dict[str, Any]:
        """The merged and interpolated project in long syntax, as `docker compose config` gives it."""
        return self.declared.tree

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every interpolated variable, where, and what provided it."""
        return self.declared.variables

    @property
    def env_files(self) -> tuple[EnvFile, ...]:
        """Every environment file that is read: the project's `.env` and the services'."""
        return self.declared.env_files

    @property
    def services(self) -> tuple[Service, ...]:
        """The services, without those excluded by name; idle ones (of inactive compose profiles) are flagged."""
        return tuple(service for service in self._services.values() if service.name not in self.excluded)

    def service(self, name: str) -> Service:
        """A service by name.

        Raises:
            UserError: there is no such service.

        """
        try:
            return self._services[name]
        except KeyError:
            message = f"there is no service '{name}'{nearest(name, self._services)}"
            raise UserError(message) from None

    def by_role(self, *roles: str) -> tuple[Service, ...]:
        """The services with one of the roles."""
        return tuple(service for service in self.services if service.role in roles)

    def where(self, *path: str | int) -> Where | None:
        """Where a key of the rendered project stands."""
        return where_of(self.rendered, *path)

    @property
    def root(self) -> Path:
        """The clone of Seatrial that runs."""
        return ROOT

    @property
    def state_dir(self) -> Path:
        """What is rendered for this project: secrets, certificates, the active colour."""
        named = self.env.get("SEATRIAL_STATE_DIR")
        return Path(named) if named else ROOT / ".seatrial" / self.project

    @property
    def operator_dir(self) -> Path:
        """The operator's keys, given to no service."""
        return ROOT / ".operator"

    # ── effective and observed ──────────────────────────────────────────────────────────────────────────────────────

    @functools.cached_property
    def driver(self) -> Driver:
        """The way to the engine.

        Raises:
            NoEngine: none answers.

        """
        return Driver.connect(
            self.project,
            self.compose_files,
            env=self.env,
            project_dir=self.declared.folder,
            profiles=self.declared.active_profiles,
        )

    def use(self, driver: Driver, absent: Mapping[str, str]) -> None:
        """Look at another project from now on (an isolated copy of this one); what is declared stays."""
        self.absent = dict(absent)
        self.declared = dataclasses.replace(self.declared, project=driver.project)
        self.driver = driver

    @property
    def is_running(self) -> bool:
        """Whether the project has a running container."""
        return bool(self.driver.containers())

    def containers(self, *, all: bool = False) -> list[Container]:
        """The project's containers, without those of excluded services; running ones unless `all`."""
        found = [Container(attrs, self.driver) for attrs in self.driver.containers(all=all)]
        return [container for container in found if container.service not in self.excluded]

    def container(self, service: Service | str) -> Container:
        """The running container of a service (the first replica).

        Raises:
            CannotTell: it has none.

        """
        name = service if isinstance(service, str) else service.name
        for container_id in self.driver.container_ids(name):
            container = Container(self.driver.inspect(container_id), self.driver)
            if container.attrs["State"].get("Running"):  # the engine's list lags a moment behind a stop (measured)
                return container
        message = f"{name} is not running" + (f": {self.absent[name]}" if name in self.absent else "")
        raise CannotTell(message)

    def published(self, service: Service | str, target_port: int, protocol: str = "tcp") -> tuple[str, int]:
        """Where on this host a port of a running container answers.

        Raises:
            CannotTell: the container is not running or publishes no such port.

        """
        container = self.container(service)
        for address, port in container.published().get(f"{target_port}/{protocol}", ()):
            return ("127.0.0.1" if address in _ANYWHERE else address), port
        message = f"{container.service} publishes no {target_port}/{protocol}"
        raise CannotTell(message)

    @functools.cached_property
    def _secrets(self) -> dict[str, str]:
        from stack import secrets

        said = self.profile.secrets
        file, key = self.path(said.file), self.path(said.age_key)
        if self.profile.folder is None or file is None or key is None:
            message = self.profile.missing('[secrets] file = "secrets.enc.yaml", age_key = …')
            raise CannotTell(message)
        # The profile's own file: another stack must never be asked for with the reference stack's passwords.
        try:
            return dict(secrets.decrypt(ROOT, age_key=key, encrypted=file))
        except UserError as error:
            raise CannotTell(str(error)) from error

    def secret(self, name: str) -> str:
        """A secret's value, decrypted on the operator's side.

        Raises:
            CannotTell: there is no secrets file, or no such secret in it.

        """
        if name not in self._secrets:
            message = f"the secrets file has no {name}"
            raise CannotTell(message)
        return self._secrets[name]

    # ── ways to speak to it ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def edge(self) -> Edge:
        """The service that faces the internet: the profile's, else the one whose role is edge.

        Raises:
            CannotTell: there is none, or it is not running.

        """
        said = self.profile.stack
        name = said.edge or next((service.name for service in self.by_role("edge")), None)
        if name is None:
            message = "no service is the edge"
            raise CannotTell(message)
        ports = self.container(name).published()

        def host_port(target: int | None) -> int | None:
            return next((port for _, port in ports.get(f"{target}/tcp", ())), None)

        addresses = [address for bindings in ports.values() for address, _ in bindings if address not in _ANYWHERE]
        public = [address for address, _ in ports.get(f"{said.https_port}/tcp", ()) if address not in _ANYWHERE]
        anywhere = any(address in _ANYWHERE for bindings in ports.values() for address, _ in bindings)
        address = public[0] if public else "127.0.0.1" if anywhere or not addresses else addresses[0]
        return Edge(
            address=address,
            https_port=host_port(said.https_port),
            http_port=host_port(said.http_port),
            server_name=said.server_name or "localhost",
            ca_file=self.path(self.profile.tls.ca_file),
            admin_port=host_port(said.admin_port),
        )

    def path(self, text: str | None) -> Path | None:
        """A path of the profile: `{state}` is the state folder, `{operator}` the operator's, the rest is relative to it."""
        if text is None:
            return None
        text = text.replace("{state}", str(self.state_dir)).replace("{operator}", str(self.operator_dir))
        return (self.profile.folder or Path.cwd()) / text

    def url(self, endpoint: Endpoint) -> str:
        """The base URL of an HTTP interface, by the address it is published at."""
        address, port = self.published(endpoint.service, endpoint.port)
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{port}{endpoint.path.rstrip('/')}"

    def _endpoint(self, section: str, *, role: str, port: int) -> Endpoint:
        said: Endpoint | None = getattr(self.profile, section)
        if said is not None:
            return said
        for service in self.by_role(role):
            return Endpoint(service=service.name, port=port)
        message = self.profile.missing(f"[{section}] service = …")
        raise CannotTell(message)

    @property
    def prometheus(self) -> Prometheus:
        """The metrics store's client."""
        from stack.clients.prometheus import Prometheus

        return Prometheus(self.url(self._endpoint("metrics", role="metrics", port=9090)))

    @property
    def alertmanager(self) -> Alertmanager:
        """The alert router's client."""
        from stack.clients.alertmanager import Alertmanager

        return Alertmanager(self.url(self._endpoint("alertmanager", role="alerts", port=9093)))

    @property
    def loki(self) -> Loki:
        """The log store's client."""
        from stack.clients.loki import Loki

        return Loki(self.url(self._endpoint("logs", role="logs", port=3100)))

    @property
    def receiver(self) -> Receiver:
        """The alert receiver's client: what was delivered."""
        from stack.clients.receiver import Receiver

        said = self.profile.receiver
        if said is None:
            message = self.profile.missing("[receiver] service = …")
            raise CannotTell(message)
        return Receiver(self.url(said))

    def wallet(self, name: str) -> WalletRpc:
        """The client of one of the profile's wallets.

        Raises:
            CannotTell: the profile has no such wallet, or it is not running.

        """
        from stack.clients.wallet import WalletRpc

        said = self.profile.wallets.get(name)
        if said is None:
            message = self.profile.missing(f"[wallets.{name}]")
            raise CannotTell(message)
        url = self.url(Endpoint(service=said.service, port=said.port))
        return WalletRpc(url, user=said.user, password=self.secret(said.password_secret))


def _services(declared: Declared, profile: Profile) -> dict[str, Service]:
    trees = declared.tree["services"]
    jobs = {name: job_reason(name, trees) for name in trees}
    told = {name: _role(profile, name, config, jobs[name]) for name, config in trees.items()}
    if profile.stack.edge is None and (sole := sole_web(trees, {name: one.role for name, one in told.items()})):
        told[sole[0]] = Inference("edge", sole[1])
    return {
        name: service_of(
            declared.tree,
            name,
            role=told[name].role,
            reason=told[name].reason,
            one_shot=profile.service(name).one_shot or told[name].role == "job" or jobs[name] is not None,
            idle=profile.service(name).idle or name in declared.idle,
        )
        for name in trees
    }


def _role(profile: Profile, name: str, config: Mapping[str, Any], job: str | None) -> Inference:
    """What a service is for: the profile's word, else what its declaration tells."""
    promised = profile.service(name).role
    if promised:
        return Inference(promised, "the profile says so")
    # Whatever image a job runs in, it serves nobody: a database's client is no database.
    return infer(name, config) if job is None else Inference("job", job)


def service_of_container(attrs: Mapping[str, Any]) -> str:
    """The compose service that an inspected container belongs to."""
    return str((attrs["Config"].get("Labels") or {}).get(SERVICE_LABEL, ""))
