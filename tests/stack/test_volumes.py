"""Volumes are made as compose would, and another clone's data is not touched but named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stack import volumes
from stack.driver import PROJECT_LABEL
from stack.errors import UserError


def driver(*there: dict[str, Any]) -> Any:
    made: list[dict[str, Any]] = []
    return SimpleNamespace(
        project="mine",
        made=made,
        volumes=lambda: list(there),
        api=SimpleNamespace(create_volume=lambda **what: made.append(what)),
    )


def test_a_missing_volume_is_labelled_as_composes_own() -> None:
    engine = driver()

    volumes.create(engine, ["database"], locked_with="abc")

    assert engine.made[0]["name"] == "mine_database"
    assert engine.made[0]["labels"][PROJECT_LABEL] == "mine"
    assert engine.made[0]["labels"][volumes.VOLUME_LABEL] == "database"


@pytest.mark.parametrize("labels", [{volumes.LOCKED_WITH_LABEL: "abc"}, {}, None])
def test_a_volume_of_this_clone_is_kept(labels: dict[str, str] | None) -> None:
    engine = driver({"Name": "mine_database", "Labels": labels})

    volumes.create(engine, ["database"], locked_with="abc")

    assert engine.made == []


def test_a_volume_locked_with_another_clones_secrets_is_refused_with_the_way_out() -> None:
    engine = driver({"Name": "mine_database", "Labels": {volumes.LOCKED_WITH_LABEL: "other"}})

    with pytest.raises(UserError, match=r"mine_database holds data locked with other secrets .* --project mine` removes"):
        volumes.create(engine, ["database"], locked_with="abc")


def test_a_volume_with_options_is_made_with_them_and_the_others_without() -> None:
    engine = driver()
    disk = {"type": "ext4", "device": "/dev/loop7"}

    volumes.create(engine, ["database", "chain"], locked_with="abc", options={"database": disk})

    assert [made["driver_opts"] for made in engine.made] == [disk, None]


def test_every_volume_of_the_compose_file_has_an_owner() -> None:
    import yaml

    from stack.project import COMPOSE_FILE

    declared = set(yaml.safe_load(COMPOSE_FILE.read_text())["volumes"])

    assert declared == {volume.name for volume in volumes.VOLUMES}


def test_the_wallets_backup_reader_is_written_into_the_default_acl() -> None:
    wallet = next(volume for volume in volumes.VOLUMES if volume.name == "wallet-buyer")

    script = "\n".join(volumes._rights(wallet))

    assert f"setfacl -d -m u::rwx,g::---,o::---,u:{volumes.BACKUP_WALLETS_UID}:rX" in script
