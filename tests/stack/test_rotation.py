"""Why: a rotation that is cut off in the middle must neither lock a service out nor need anybody to know how far it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from stack import rotation, secrets
from stack.driver import Driver
from stack.errors import SeatrialError, UserError
from stack.progress import Progress

VALUES = {name: f"value-of-{name}" for name in secrets.NAMES}
RPC = "WALLET_BUYER_RPC_PASSWORD"


@dataclass
class FakeDriver:
    """Restarts what it is told to, until it is told to break."""

    project: str = "st-rotation-test"
    breaks_at: str = ""
    restarted: list[str] = field(default_factory=list)

    def container_ids(self, service: str) -> list[str]:
        return [service] if service != "server-green" else []

    def restart(self, container: str) -> None:
        if container == self.breaks_at:
            message = "cut off"
            raise SeatrialError(message)
        self.restarted.append(container)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with encrypted secrets, in which every service is healthy at once."""
    (tmp_path / "stack").mkdir()
    (tmp_path / ".operator").mkdir(mode=0o700)
    secrets._make_age_key(secrets.Places(tmp_path).age_key)
    secrets.encrypt(tmp_path, VALUES)
    monkeypatch.setattr(rotation, "await_health", lambda driver, names: None)
    return tmp_path


def rotate(root: Path, driver: FakeDriver, *names: str) -> rotation.Rotated:
    return rotation.rotate(root, cast("Driver", driver), root / "state", names, progress=Progress(quiet=True))


def test_the_file_the_folders_and_the_services_change_together(root: Path) -> None:
    driver = FakeDriver()

    done = rotate(root, driver, RPC)

    new = secrets.decrypt(root)[RPC]
    assert new != VALUES[RPC]
    assert (root / "state" / "secrets" / "server-blue" / RPC).read_text() == new
    assert new in (root / "state" / "secrets" / "monero-wallet-rpc-buyer" / "wallet-rpc.conf").read_text()
    assert driver.restarted[0] == "monero-wallet-rpc-buyer"
    assert driver.restarted[-1] == "server-blue"
    assert done == rotation.Rotated((RPC,), tuple(done.restarted), resumed=False)


def test_only_readers_restart(root: Path) -> None:
    driver = FakeDriver()

    rotate(root, driver, "SESSION_SECRET")

    assert driver.restarted == ["server-blue"]


def test_one_that_was_cut_off_is_completed_and_nothing_is_drawn_twice(root: Path) -> None:
    with pytest.raises(SeatrialError, match="cut off"):
        rotate(root, FakeDriver(breaks_at="server-blue"), RPC)
    drawn = secrets.decrypt(root)[RPC]
    driver = FakeDriver()

    done = rotate(root, driver, RPC)

    assert done.resumed
    assert secrets.decrypt(root)[RPC] == drawn != VALUES[RPC]
    assert "server-blue" in driver.restarted
    assert not (root / ".operator" / "rotation.json").exists()


def test_one_that_was_cut_off_before_anything_was_drawn_draws(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = secrets.encrypt

    def full(*_: object) -> None:
        message = "no space left"
        raise OSError(message)

    monkeypatch.setattr(secrets, "encrypt", full)
    with pytest.raises(OSError, match="no space"):
        rotate(root, FakeDriver(), RPC)
    monkeypatch.setattr(secrets, "encrypt", real)

    assert rotate(root, FakeDriver(), RPC).resumed
    assert secrets.decrypt(root)[RPC] != VALUES[RPC]


def test_what_is_asked_for_next_is_done_with_what_was_cut_off(root: Path) -> None:
    with pytest.raises(SeatrialError):
        rotate(root, FakeDriver(breaks_at="monero-wallet-rpc-buyer"), RPC)

    assert rotate(root, FakeDriver(), "SESSION_SECRET").names == ("SESSION_SECRET", RPC)


def test_what_is_written_down_meanwhile_holds_no_value(root: Path) -> None:
    with pytest.raises(SeatrialError):
        rotate(root, FakeDriver(breaks_at="server-blue"), RPC)

    left = (root / ".operator" / "rotation.json").read_text()
    assert VALUES[RPC] not in left
    assert secrets.decrypt(root)[RPC] not in left


def test_another_projects_is_completed_first(root: Path) -> None:
    with pytest.raises(SeatrialError):
        rotate(root, FakeDriver(project="st-other", breaks_at="server-blue"), RPC)

    with pytest.raises(UserError, match="complete it first \\(--project st-other\\)"):
        rotate(root, FakeDriver(), RPC)


def test_two_at_once_are_one_too_many(root: Path) -> None:
    with rotation._alone(root), pytest.raises(UserError, match="another rotation is under way"):
        rotate(root, FakeDriver(), RPC)

    assert secrets.decrypt(root) == VALUES


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"project": "p", "before": 3}'])
def test_a_note_that_nobody_wrote_is_one_sentence(root: Path, text: str) -> None:
    (root / ".operator" / "rotation.json").write_text(text)

    with pytest.raises(UserError, match="not what a rotation leaves behind"):
        rotate(root, FakeDriver(), RPC)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("NOPE", "unknown secret"), ("DATABASE_PASSWORD", "encrypted under it"), ("GRAFANA_ADMIN_PASSWORD", "its own database")],
)
def test_what_a_restart_does_not_change_is_refused(root: Path, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        rotate(root, FakeDriver(), name)

    assert secrets.decrypt(root) == VALUES
