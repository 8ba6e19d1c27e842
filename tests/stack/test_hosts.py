"""Why: what can't be asked of a machine must never look like an answer, and an address that is none must not reach ssh."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.errors import CannotTell, UserError
from stack.hosts import EngineHost, over_ssh, require_ssh, this_machine


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://ops@host.example", "ops@host.example"),
        ("ssh://host.example:2222", "host.example:2222"),
        ("ssh://ops@[2001:db8::1]:22", "ops@[2001:db8::1]:22"),
        ("ssh://ops@198.51.100.7/", "ops@198.51.100.7"),
    ],
)
def test_an_address_is_taken_apart(url: str, address: str) -> None:
    assert require_ssh(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "host.example", "http://host.example", "ssh://", "ssh://ops:secret@host.example", "ssh://host.example:99999",
        "ssh://host.example/etc", "ssh://-oProxyCommand=id", "ssh://ops@-oProxyCommand=id", "ssh://a b", "ssh://$(id)",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(UserError, match=r"^--host [^\n]+\.$"):
        require_ssh(url)


def test_this_machine_tells_of_its_files(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_bytes(b"one\0two")
    file.chmod(0o640)

    facts = this_machine().facts(str(file))

    assert facts is not None
    assert (facts.uid, facts.mode) == (os.getuid(), 0o640)
    assert this_machine().text(str(file)) == "one\0two"


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert this_machine().facts(str(tmp_path / "none")) is None
    assert this_machine().text(str(tmp_path / "none")) is None


def test_a_group_is_named_with_its_accounts() -> None:
    found = this_machine().group(0)

    assert found is not None
    assert found[0] == grp.getgrgid(0).gr_name
    assert "root" in found[1]
    assert this_machine().group(4_000_000) is None


class Broken:
    """A machine on which every command fails, as testinfra tells it."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def file(self, _: str) -> Any:
        raise self.error

    def run(self, *_: str) -> Any:
        return SimpleNamespace(rc=1, stdout="", stderr="permission denied while trying to connect")


@pytest.mark.parametrize("error", [AssertionError("unexpected exit code 1"), ValueError("x"), RuntimeError("y")])
def test_a_command_that_fails_is_no_failed_check(error: Exception) -> None:
    with pytest.raises(CannotTell):
        EngineHost("it", Broken(error)).facts("/etc")  # type: ignore[arg-type]


def test_an_engine_that_refuses_says_why() -> None:
    with pytest.raises(CannotTell, match="its engine does not answer .permission denied"):
        EngineHost("it", Broken(OSError())).engine_info()  # type: ignore[arg-type]


def test_a_machine_that_nobody_listens_at_is_inconclusive() -> None:
    with pytest.raises(CannotTell, match="can't be reached"), over_ssh("ssh://root@127.0.0.1:1"):
        pass
