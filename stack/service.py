"""One service as the compose files declare it, so that a check reads a declaration in one form whatever syntax was used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.located import Where, where_of

__all__ = ["Mount", "Port", "Service", "Where"]

_LOOPBACK = ("127.", "::1", "[::1]", "localhost")


@dataclass(frozen=True)
class Port:
    """One published port. `host_ip` is empty when none is named (the engine then takes every address, IPv6 included)."""

    host_ip: str
    published: int | None
    target: int
    protocol: str

    @property
    def is_loopback(self) -> bool:
        """Whether it is published on this host's loopback alone."""
        return self.host_ip.startswith(_LOOPBACK)

    def __str__(self) -> str:
        """As one would write it in a compose file."""
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        left = ":".join(part for part in (host, str(self.published or "")) if part)
        return f"{left}:{self.target}/{self.protocol}" if left else f"{self.target}/{self.protocol}"


@dataclass(frozen=True)
class Mount:
    """One mount. `kind` is bind, volume, tmpfs, npipe, cluster or image; `source` is a path or a volume's name."""

    kind: str
    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, repr=False)
class Service:
    """A service of the rendered compose files."""

    name: str
    config: Mapping[str, Any]  # rendered, in long syntax
    image: str | None
    user: str | None
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]
    networks: tuple[str, ...]
    role: str
    role_reason: str
    one_shot: bool
    idle: bool  # not part of a plain `up`: its compose profile is not active
    where: Where | None
    _tree: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        """Its name and nothing else: what it declares can be secret, and reprs end in tracebacks and logs."""
        return f"<Service {self.name}>"

    def __str__(self) -> str:
        """Its name: what a parameter's id shows."""
        return self.name

    def __hash__(self) -> int:
        """By name: a service is unique by its name within a stack."""
        return hash(self.name)

    def where_of(self, *path: str | int) -> Where | None:
        """Where the key at `path` inside the service stands; the nearest key around it when it has no place of its own."""
        return where_of(self._tree, "services", self.name, *path) or self.where

    @property
    def environment(self) -> dict[str, str | None]:
        """Variables by name; None where compose would pass on a variable that is not set."""
        return {str(key): None if value is None else str(value) for key, value in self._mapping("environment").items()}

    @property
    def labels(self) -> dict[str, str]:
        """Labels by name."""
        return {str(key): "" if value is None else str(value) for key, value in self._mapping("labels").items()}

    @property
    def command(self) -> list[str] | None:
        """The command's words; None: the image's own."""
        return self._words("command")

    @property
    def entrypoint(self) -> list[str] | None:
        """The entry point's words; None: the image's own."""
        return self._words("entrypoint")

    @property
    def healthcheck(self) -> dict[str, Any] | None:
        """The health check the compose files give; None when they give none (the image may have one)."""
        found = self.config.get("healthcheck")
        return dict(found) if found else None

    @property
    def build(self) -> dict[str, Any] | None:
        """How the image is built; None when it is not."""
        found = self.config.get("build")
        return dict(found) if found else None

    @property
    def cap_add(self) -> frozenset[str]:
        """Capabilities added, without CAP_, in capitals."""
        return frozenset(_capability(name) for name in self.config.get("cap_add") or ())

    @property
    def cap_drop(self) -> frozenset[str]:
        """Capabilities dropped, without CAP_, in capitals."""
        return frozenset(_capability(name) for name in self.config.get("cap_drop") or ())

    @property
    def privileged(self) -> bool:
        """Whether it asks for every privilege of the host."""
        return bool(self.config.get("privileged"))

    @property
    def read_only(self) -> bool:
        """Whether its root file system is read-only."""
        return bool(self.config.get("read_only"))

    @property
    def security_opt(self) -> tuple[str, ...]:
        """Security options as written."""
        return tuple(self.config.get("security_opt") or ())

    @property
    def restart(self) -> str | None:
        """The restart policy, the swarm's included (`deploy.restart_policy.condition`); None when none is declared."""
        if self.config.get("restart"):
            return str(self.config["restart"])
        policy = (self.config.get("deploy") or {}).get("restart_policy")
        return None if policy is None else str(policy.get("condition", "any"))

    @property
    def depends_on(self) -> dict[str, dict[str, Any]]:
        """What must be up first, in long syntax."""
        return {str(name): dict(how or {}) for name, how in self._mapping("depends_on").items()}

    @property
    def tmpfs(self) -> tuple[str, ...]:
        """Paths of tmpfs mounts, both syntaxes."""
        short = self.config.get("tmpfs") or ()
        paths = [str(entry).partition(":")[0] for entry in ([short] if isinstance(short, str) else short)]
        return tuple(paths + [mount.target for mount in self.mounts if mount.kind == "tmpfs"])

    def _mapping(self, key: str) -> Mapping[str, Any]:
        found = self.config.get(key)
        return found if isinstance(found, Mapping) else {}

    def _words(self, key: str) -> list[str] | None:
        found = self.config.get(key)
        return None if found is None else [str(word) for word in found]


def service_of(tree: Mapping[str, Any], name: str, *, role: str, reason: str, one_shot: bool, idle: bool) -> Service:
    """Build the service `name` of a rendered tree."""
    config = tree["services"][name]
    return Service(
        name=name,
        config=config,
        image=config.get("image"),
        user=None if config.get("user") is None else str(config["user"]),
        ports=tuple(_port(entry) for entry in config.get("ports") or ()),
        mounts=tuple(_mount(entry) for entry in config.get("volumes") or ()),
        networks=tuple(config.get("networks") or ()),
        role=role,
        role_reason=reason,
        one_shot=one_shot,
        idle=idle,
        where=where_of(tree, "services", name),
        _tree=tree,
    )


def image_user(service: Service) -> tuple[str, str]:
    """The declared user and group as text; both empty when the image decides."""
    user, _, group = (service.user or "").partition(":")
    return user, group


def path_under(path: str, folder: str) -> bool:
    """Whether an absolute path is `folder` or inside it."""
    return Path(path) == Path(folder) or Path(folder) in Path(path).parents


def _port(entry: Mapping[str, Any]) -> Port:
    published = str(entry.get("published") or "")
    first = published.partition("-")[0]  # a range on one target: the engine takes the first free one
    return Port(
        host_ip=str(entry.get("host_ip") or ""),
        published=int(first) if first.isdigit() else None,
        target=int(entry["target"]),
        protocol=str(entry.get("protocol") or "tcp"),
    )


def _mount(entry: Mapping[str, Any]) -> Mount:
    kind, source = str(entry.get("type") or "volume"), str(entry.get("source") or "")
    return Mount(
        kind=kind,
        # Compose takes an absolute path as it is written; what it leads to is what counts here.
        source=os.path.normpath(source) if kind == "bind" and source else source,
        target=str(entry.get("target") or ""),
        read_only=bool(entry.get("read_only")),
    )


def _capability(name: str) -> str:
    return str(name).upper().removeprefix("CAP_")
