"""A snapshot's name changes with what made it, and tells no secret."""

from __future__ import annotations

from stack import secrets, snapshot

VALUES = {name: f"value-of-{name}" for name in secrets.NAMES}


def test_the_key_changes_with_the_image_and_with_a_wallets_password() -> None:
    keys = {
        snapshot.key("sha256:1", VALUES),
        snapshot.key("sha256:2", VALUES),
        snapshot.key("sha256:1", {**VALUES, "WALLET_VENDOR_PASSWORD": "another"}),
    }

    assert len(keys) == 3


def test_secrets_that_are_not_in_the_snapshot_do_not_change_its_key() -> None:
    other = {**VALUES, "SESSION_SECRET": "another", "WALLET_VENDOR_RPC_PASSWORD": "another"}

    assert snapshot.key("sha256:1", other) == snapshot.key("sha256:1", VALUES)
