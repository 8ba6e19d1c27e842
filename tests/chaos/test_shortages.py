"""A shortage that is none, or that would be everybody's, is refused before anything is done."""

from __future__ import annotations

from typing import Any

import pytest

from chaos import __main__ as command
from chaos.faults import make
from stack.errors import UserError


@pytest.mark.parametrize(
    ("effect", "parameters", "says"),
    [
        ("cpu_stress", {"workers": 0}, "workers must be from 1 to 64"),
        ("cpu_stress", {"workers": 10_000}, "workers must be from 1 to 64"),
        ("memory_stress", {"percent": 0}, "0 % of a limit can't be held"),
        ("memory_stress", {"percent": 100}, "100 % of a limit can't be held"),
        ("io_stress", {"path": "/data", "megabytes": 0}, "megabytes must be from 1 to 1024"),
        ("io_stress", {"path": "/data", "megabytes": 99_999}, "megabytes must be from 1 to 1024"),
    ],
)
def test_a_shortage_beyond_its_bounds_is_refused(effect: str, parameters: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make(effect, {"service": "shop", **parameters})


def test_a_shortage_by_hand_stands_no_longer_than_its_helper(
    fake: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_stack", lambda _options: fake)

    assert command.main(["inject", "cpu_stress", "--service", "shop", "--for", "5m", "--allow-faults", "fake"]) == 4
    assert "goes by itself after 120 s: --for can't be longer" in capsys.readouterr().err
