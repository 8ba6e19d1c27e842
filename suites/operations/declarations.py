"""Two declarations whose faults are known by whoever wrote them: what a validation must say of each is data, not its own answer.

The second is the first with sins added, so that what is named is named for a sin, and what is sound raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DIGEST = "sha256:" + "0" * 64
"""No image has it: nothing of these declarations is ever started."""


@dataclass(frozen=True)
class Declaration:
    """A compose file, and the ids of the checks that must not pass on it: all of them, and no others."""

    name: str
    services: Mapping[str, Mapping[str, Any]]
    expected: frozenset[str] = field(default_factory=frozenset)

    def document(self) -> dict[str, Any]:
        """The compose file's content."""
        return {
            "name": f"seatrial-{self.name}",
            "services": {name: dict(config) for name, config in self.services.items()},
            "networks": {"inside": {"internal": True}},
        }


_SOUND: dict[str, Any] = {
    "image": f"example.invalid/sound@{DIGEST}",
    "user": "10001:10001",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "restart": "unless-stopped",
    "mem_limit": "64m",
    "cpus": 0.5,
    "pids_limit": 50,
    "init": True,
    "healthcheck": {"test": ["CMD", "/sound", "--ready"], "interval": "10s", "timeout": "3s", "retries": 3},
    "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
    "networks": ["inside"],
}

SINS: Mapping[str, tuple[Mapping[str, Any], frozenset[str]]] = {
    "a health check that cannot fail": ({"healthcheck": {"test": ["CMD", "true"]}}, frozenset({"SEC-CMP-001"})),
    "nothing restarts it": ({"restart": None}, frozenset({"SEC-CMP-002"})),
    "a database open to the world": ({"ports": ["0.0.0.0:5432:5432"]}, frozenset({"SEC-CMP-004"})),
    "on the network everybody shares": ({"networks": None}, frozenset({"SEC-CMP-005"})),
    "an image that can be replaced": ({"image": "example.invalid/sound:1.0"}, frozenset({"SEC-CMP-007"})),
    "as mighty as the host": ({"privileged": True}, frozenset({"SEC-LINT-CL-0002"})),
    "a file system it can rewrite": ({"read_only": None}, frozenset({"SEC-LINT-CL-0007"})),
}
"""What is done to the sound service, and the checks that are about just that."""


def _with(change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**_SOUND, **change}.items() if value is not None}


SOUND = Declaration("sound", {"sound": _SOUND})
BROKEN = Declaration(
    "broken",
    {
        "sound": _SOUND,
        **{sin.replace(" ", "-"): _with(change) for sin, (change, _) in SINS.items()},
    },
    frozenset[str]().union(*(ids for _, ids in SINS.values())),
)
