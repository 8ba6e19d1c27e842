"""Which alerts fired during an experiment: from when to when, without the dead man's switch, or said to be unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.fired import alerts_between
from stack.clients.prometheus import Series
from stack.errors import CannotTell

BEGAN = datetime(2026, 11, 24, 13, 25, tzinfo=UTC)


def series(name: str, first: int, last: int, **labels: str) -> Series:
    return Series(
        {"alertname": name, **labels}, tuple((BEGAN + timedelta(seconds=at), 1.0) for at in range(first, last + 1))
    )


def stack(*found: Series, error: Exception | None = None) -> Any:
    def query_range(query: str, start: datetime, end: datetime, step: timedelta) -> list[Series]:
        assert (query, start, end, step) == (
            'ALERTS{alertstate="firing"}', BEGAN, BEGAN + timedelta(seconds=12.5), timedelta(seconds=1),
        )  # fmt: skip
        if error is not None:
            raise error
        return list(found)

    profile = SimpleNamespace(alerts=SimpleNamespace(watchdog="Watchdog"))
    return SimpleNamespace(profile=profile, prometheus=SimpleNamespace(query_range=query_range))


def test_each_has_its_beginning_and_its_end_unless_it_still_fires() -> None:
    asked = stack(
        series("Watchdog", 0, 12), series("HighErrorRate", 7, 12), series("ServiceDown", 3, 8, service="loki")
    )

    assert alerts_between(asked, BEGAN, 12.5) == [
        {"text": "ServiceDown loki", "from_seconds": 3.0, "to_seconds": 8.0},
        {"text": "HighErrorRate", "from_seconds": 7.0, "to_seconds": None},
    ]


def test_nobody_to_ask_is_not_no_alert() -> None:
    with pytest.raises(CannotTell, match="which alerts fired is not known: no answer"):
        alerts_between(stack(error=CannotTell("no answer")), BEGAN, 12.5)
