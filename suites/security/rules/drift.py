"""Compares a running container with its declaration: what was changed by hand is what the next deployment silently undoes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CONFIG_HASH = "com.docker.compose.config-hash"


def differences(
    attrs: Mapping[str, Any],
    *,
    config_hash: str | None,
    image_id: str | None,
    mounts: Iterable[str],
    networks: Iterable[str],
) -> list[str]:
    """What differs between a container (the engine's inspect) and what its service declares.

    `config_hash` is compose's own for the files as they are now, `image_id` what the image's name means now (None: not
    known), `mounts` the targets and `networks` the engine's names that are declared.
    """
    found = []
    labels = (attrs.get("Config") or {}).get("Labels") or {}
    running_hash = labels.get(CONFIG_HASH)
    if config_hash is not None and running_hash != config_hash:
        found.append(f"its configuration is another (hash {str(running_hash)[:12]}, the files give {config_hash[:12]})")
    if image_id is not None and attrs.get("Image") != image_id:
        found.append(f"it runs image {short(str(attrs.get('Image')))}, the name means {short(image_id)} now")
    declared = set(mounts)
    actual = {str(mount.get("Destination")) for mount in attrs.get("Mounts") or () if mount.get("Type") != "tmpfs"}
    found += [f"mount {target} is not declared" for target in sorted(actual - declared - image_volumes(attrs))]
    found += [f"declared mount {target} is missing" for target in sorted(declared - actual)]
    joined = set((attrs.get("NetworkSettings") or {}).get("Networks") or {}) - {"none", "host"}
    found += [f"network {name} was joined by hand" for name in sorted(joined - set(networks))]
    found += [f"declared network {name} was left" for name in sorted(set(networks) - joined)]
    return found


def image_volumes(attrs: Mapping[str, Any]) -> set[str]:
    """Paths the image itself declares as volumes: they are mounted though no compose file says so."""
    return set((attrs.get("Config") or {}).get("Volumes") or {})


def short(identity: str) -> str:
    """An id without its algorithm, short enough to read."""
    return identity.rpartition(":")[2][:12]


def config_hashes(text: str) -> dict[str, str]:
    """The lines of `docker compose config --hash '*'` by service."""
    words = (line.split() for line in text.splitlines())
    return {found[0]: found[1] for found in words if len(found) >= 2}
