"""Readies a project's volumes before anything starts: owned by who uses them, wallets readable to their backup, chain in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stack.driver import PROJECT_LABEL, Driver
from stack.errors import SeatrialError, UserError

VOLUME_LABEL = "com.docker.compose.volume"
LOCKED_WITH_LABEL = "seatrial.locked-with"
BACKUP_WALLETS_UID = 10117


@dataclass(frozen=True)
class Volume:
    """A named volume of the reference stack: who owns its root, with which mode, and who else may read what appears in it."""

    name: str
    uid: int
    mode: str = "0700"
    reader: int | None = None


VOLUMES: tuple[Volume, ...] = (
    Volume("database", 10102),
    Volume("chain", 10103),
    # monero writes its files 0600; a default ACL is inherited at creation, where the umask has no say.
    Volume("wallet-buyer", 10104, reader=BACKUP_WALLETS_UID),
    Volume("wallet-vendor", 10105, reader=BACKUP_WALLETS_UID),
    Volume("wallet-arbiter", 10106, reader=BACKUP_WALLETS_UID),
    Volume("prometheus", 10107),
    Volume("alertmanager", 10108),
    Volume("receiver", 10109),
    Volume("loki", 10110),
    Volume("promtail", 10111),
    Volume("grafana", 472),
    Volume("textfile", 10112, mode="1777"),  # both backup services write their metrics here, node-exporter reads
    Volume("backups", 0, mode="0755"),
)
SNAPSHOT_VOLUMES = ("chain", "wallet-buyer", "wallet-vendor", "wallet-arbiter")

#: Folders inside `backups`, each its writer's alone.
_BACKUP_FOLDERS = (("database", 10102), ("wallets", BACKUP_WALLETS_UID))


def full_name(project: str, volume: str) -> str:
    """Answer the engine's name of a project's volume."""
    return f"{project}_{volume}"


def options_of(driver: Driver) -> dict[str, dict[str, str]]:
    """What the compose files say of how the engine is to make a volume, where they say anything."""
    declared = driver.rendered().get("volumes") or {}
    return {name: dict(one["driver_opts"]) for name, one in declared.items() if (one or {}).get("driver_opts")}


def create(
    driver: Driver, names: Iterable[str], *, locked_with: str, options: Mapping[str, dict[str, str]] | None = None
) -> None:
    """Create the project's volumes that are missing, labelled as compose does, so that it takes them for its own.

    `options` are those of the engine's local driver, by volume: what to mount, where that is not a folder of its own.
    `locked_with` is the fingerprint of the secrets that lock data; a volume that another clone's secrets locked is refused.
    """
    there = {volume["Name"]: volume.get("Labels") or {} for volume in driver.volumes()}
    for name in names:
        full = full_name(driver.project, name)
        if full not in there:
            labels = {PROJECT_LABEL: driver.project, VOLUME_LABEL: name, LOCKED_WITH_LABEL: locked_with}
            make(driver, full, labels, (options or {}).get(name))
        elif there[full].get(LOCKED_WITH_LABEL, locked_with) != locked_with:
            message = (
                f"the volume {full} holds data locked with other secrets than this clone's: "
                f"`python -m stack down --project {driver.project}` removes what another clone left"
            )
            raise UserError(message)


def exists(driver: Driver, name: str) -> bool:
    """Answer whether the engine has a volume of exactly this name."""
    listed = driver.api.volumes(filters={"name": name})
    return any(volume["Name"] == name for volume in listed.get("Volumes") or [])


def make(driver: Driver, name: str, labels: dict[str, str], options: dict[str, str] | None = None) -> None:
    """Create a volume on the engine; one that is there already stays as it is."""
    driver.api.create_volume(name=name, labels=labels, driver_opts=options)


def drop(driver: Driver, name: str) -> None:
    """Remove a volume from the engine."""
    driver.api.remove_volume(name, force=True)


def ready(
    driver: Driver,
    names: Iterable[str],
    *,
    snapshot: str | None,
    locked_with: str,
    options: Mapping[str, dict[str, str]] | None = None,
) -> None:
    """Give each volume its owner and rights, and fill chain and wallets from `snapshot` (an engine volume) where empty.

    One helper container, about a second. Raises `SeatrialError` with the helper's last words, and as `create` does.
    """
    chosen = [volume for volume in VOLUMES if volume.name in set(names)]
    create(driver, [volume.name for volume in chosen], locked_with=locked_with, options=options)
    mounts = [f"type=volume,source={full_name(driver.project, v.name)},target=/into/{v.name}" for v in chosen]
    script = ["set -eu"]
    if snapshot is not None:
        mounts.append(f"type=volume,source={snapshot},target=/snapshot,readonly")
        script += [_fill(name) for name in SNAPSHOT_VOLUMES if any(v.name == name for v in chosen)]
    script += [line for volume in chosen for line in _rights(volume)]
    done = driver.run_helper(["sh", "-c", "\n".join(script)], network="none", mounts=mounts, timeout_seconds=60)
    if isinstance(done, str) or not done.ok:
        words = done if isinstance(done, str) else done.last_words()
        message = f"the volumes could not be readied: {words}"
        raise SeatrialError(message)


def _fill(name: str) -> str:
    return f'[ -n "$(ls -A /into/{name})" ] || cp -a --sparse=always /snapshot/{name}/. /into/{name}/'


def _rights(volume: Volume) -> list[str]:
    place = f"/into/{volume.name}"
    lines = [f"chown {volume.uid}:{volume.uid} {place}", f"chmod {volume.mode} {place}"]
    if volume.reader is not None:
        reader = volume.reader
        lines += [
            f"setfacl -R -m u:{reader}:rX {place}",
            f"find {place} -type d -exec setfacl -d -m u::rwx,g::---,o::---,u:{reader}:rX {{}} +",
        ]
    if volume.name == "backups":
        for folder, uid in _BACKUP_FOLDERS:
            lines.append(f"mkdir -p {place}/{folder} && chown {uid}:{uid} {place}/{folder} && chmod 0700 {place}/{folder}")
    return lines
