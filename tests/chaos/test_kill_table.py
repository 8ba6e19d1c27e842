"""The kill table: what a cell says, and which processes it kills; that the money is right is for a running stack to show."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import kill_table
from chaos.kill_table import STEPS, Cell, main, table, victims_of
from stack.errors import CannotTell
from stack.settling import Voyage

VOYAGE = Voyage("release", (1,), (), "home", "payee", order_id="o", timeline=[(0.0, "ordered"), (1.0, "paid out by t")])


def _stack(**profile: Any) -> Any:
    given = {"database": SimpleNamespace(service="server"), "chain": SimpleNamespace(service="monerod")}
    wallets = {name: SimpleNamespace(service=f"wallet-{name}") for name in ("buyer", "vendor")}
    said = SimpleNamespace(**{**given, "wallets": wallets, "missing": lambda line: f"missing {line}", **profile})
    return SimpleNamespace(profile=said)


def test_the_victims_are_the_server_each_wallet_and_the_chain() -> None:
    assert victims_of(_stack()) == ["server", "wallet-buyer", "wallet-vendor", "monerod"]


@pytest.mark.parametrize("without", [{"database": None}, {"chain": None}, {"wallets": {}}])
def test_without_one_of_them_there_is_nothing_to_try(without: dict[str, Any]) -> None:
    with pytest.raises(CannotTell, match="missing"):
        victims_of(_stack(**without))


def test_a_row_is_a_step_and_a_column_a_victim() -> None:
    told = table(
        [
            Cell("funded", "server", 4.2, VOYAGE, ()),
            Cell("funded", "monerod", 9.0, VOYAGE, ("5 is locked",)),
            Cell("shipped", "server", 3.0, VOYAGE, ()),
        ]
    )

    assert "| funded | holds, settled in 4.2 s | NOT TRUE |" in told
    assert "| shipped | holds, settled in 3.0 s | not tried |" in told
    assert "NOT TRUE: monerod killed at 'funded': 5 is locked" in told
    assert "paid out by t" in told


@pytest.mark.parametrize(("wrong", "code"), [((), 0), (("5 is locked",), 1)])
def test_the_exit_code_says_whether_the_money_was_right(
    wrong: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = SimpleNamespace(service=lambda name: name)
    monkeypatch.setattr(kill_table, "load", lambda *_: stack)
    monkeypatch.setattr(kill_table, "cells", lambda *_: iter([Cell("funded", "server", 1.0, VOYAGE, wrong)]))

    assert main(["--victim", "server", "--step", "funded"]) == code


def test_an_order_that_is_given_up_is_a_broken_cell() -> None:
    given_up = replace(VOYAGE, failure="reading an escrow was refused with status 404 (not_found)")

    class Lost:
        def begin(self, _: str) -> Voyage:
            return given_up

        def settle(self, voyages: list[Voyage], **_: object) -> None:
            raise AssertionError(str(voyages[0]))

    cell = kill_table._cell(_stack(), None, Lost(), "funded", "server")  # type: ignore[arg-type]

    assert "refused with status 404" in cell.wrong[0]


def test_a_marketplace_that_takes_no_accounts_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def cells(*_: object) -> None:
        raise AssertionError("registering was refused with status 500 (internal)")

    monkeypatch.setattr(kill_table, "load", lambda *_: SimpleNamespace(service=lambda name: name))
    monkeypatch.setattr(kill_table, "cells", cells)

    assert main(["--victim", "server", "--step", "funded"]) == 1


def test_bad_input_leaves_with_4() -> None:
    with pytest.raises(SystemExit) as left:
        main(["--step", "nowhere"])

    assert left.value.code == 4
    assert len(STEPS) == 8
