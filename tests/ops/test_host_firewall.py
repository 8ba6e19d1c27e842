"""Why: rules that lock the operator out, or that stop nothing, must be impossible to write down, whatever is typed."""

from __future__ import annotations

import pytest

from stack.errors import UserError
from stack.ops.__main__ import main
from stack.ops.command import Refused
from stack.ops.host_firewall import BEGIN, CHAIN, Plan, hooked, ports, up

AFTER_INIT = "#!/bin/sh\nset -e\ncase \"$1\" in\nstart) ;;\nesac\n"


def test_what_passes_is_allowed_before_anything_is_denied() -> None:
    words = [command[1] for command in Plan().commands]

    assert words == ["allow"] * 3 + ["deny"] * 2 + ["default"] * 2


def test_published_ports_pass_by_the_port_that_was_dialled_and_the_rest_is_dropped() -> None:
    lines = Plan(passes=(22, 8443)).published.splitlines()

    returned = [line for line in lines if "--ctorigdstport" in line]
    assert [line.split("--ctorigdstport ")[1] for line in returned] == ["22 -j RETURN", "8443 -j RETURN"]
    assert lines.index(returned[-1]) < next(n for n, line in enumerate(lines) if line.endswith("-j DROP"))


def test_no_chain_of_others_is_emptied() -> None:
    declared = [line for line in Plan().published.splitlines() if line.startswith(":")]

    assert declared == [f":{CHAIN} - [0:0]"]


def test_the_hook_is_added_once_and_taken_away_whole() -> None:
    once = hooked(AFTER_INIT, there=True)

    assert once.splitlines()[1] == BEGIN
    assert hooked(once, there=True) == once
    assert hooked(once, there=False) == AFTER_INIT


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "9:8", "1:70000", "1-5", "٣"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no port"):
        ports(text)


def test_the_session_it_is_typed_in_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.ops.host_firewall.require", lambda: None)
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 51000 198.51.100.1 2222")

    with pytest.raises(Refused, match="add --pass 2222"):
        up(Plan())


def test_a_rehearsal_shows_everything_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")

    assert main(["host-firewall", "up", "--dry-run", "--pass", "22", "--pass", "443"]) == 0

    told = capsys.readouterr().out
    assert "ufw allow 443/tcp" in told
    assert "--ctorigdstport 443" in told
