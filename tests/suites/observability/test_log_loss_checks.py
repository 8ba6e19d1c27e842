"""OBS-LOG-002 and 003: what counts as lost, when silence proves nothing, and when lines are kept for ever."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from stack.errors import CannotTell
from suites.check import Evidence
from suites.observability import test_log_loss as checks
from suites.observability.loki_settings import settings_of
from suites.observability.numbered import Passage, Tally
from suites.observability.test_log_loss import links, sentence, spans
from suites.observability.test_retention import test_log_retention_is_set_and_bounded as the_retention_check
from suites.observability.test_retention import unbounded

KILLED, BACK = 10.0, 14.0
ROOT = Path(__file__).parents[3]


def tally(written: dict[int, float], found: dict[int, int]) -> Tally:
    return Tally("till", written, Counter(found), trouble="it is down")


def passage(*tallies: Tally) -> Passage:
    return Passage("promtail", tallies, KILLED, BACK, 1.0)


def judge(monkeypatch: pytest.MonkeyPatch, *tallies: Tally) -> None:
    monkeypatch.setattr(checks, "killed_on_the_way", lambda *_args, **_more: passage(*tallies))
    profile = SimpleNamespace(recovery=lambda _name: None, objectives=SimpleNamespace(log_delay_seconds=10), logs=None)
    stack: Any = SimpleNamespace(profile=profile, services=[], by_role=lambda *_roles: [])
    checks.test_no_line_is_lost_when_a_link_is_killed(stack, "promtail", Evidence())


def test_all_lines_found_passes_though_some_are_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, tally({0: 9, 1: 11, 2: 15}, {0: 1, 1: 2, 2: 1}))


def test_a_missing_line_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="promtail was killed: 1 of 3 lines of till are not in the store: 1"):
        judge(monkeypatch, tally({0: 9, 1: 11, 2: 15}, {0: 1, 2: 1}))


def test_a_line_that_nobody_acknowledged_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    judge(monkeypatch, tally({0: 9, 2: 15}, {0: 1, 1: 1, 2: 1}))


@pytest.mark.parametrize("written", [{}, {0: 9.0}, {0: 15.0}, {0: 11.0}])
def test_nothing_lost_by_a_service_that_did_not_write_before_and_after_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch, written: dict[int, float]
) -> None:
    one = tally(written, dict.fromkeys(written, 1))

    assert not spans(one, passage(one))
    with pytest.raises(CannotTell, match=r"no lines before and after the kill of promtail from till \(it is down\)"):
        judge(monkeypatch, one)


def test_of_many_missing_lines_the_first_are_named() -> None:
    said = sentence(tally(dict.fromkeys(range(30), 1.0), {}))

    assert said == "30 of 30 lines of till are not in the store: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 …"


def test_without_a_store_there_is_nothing_to_kill() -> None:
    stack: Any = SimpleNamespace(profile=SimpleNamespace(logs=None), by_role=lambda *_roles: [], services=[])

    assert links(stack) == []


# ── OBS-LOG-003 ─────────────────────────────────────────────────────────────────────────────────────────────────────────

BOUNDED: dict[str, Any] = {"limits_config": {"retention_period": "720h"}, "compactor": {"retention_enabled": True}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, None),
        ({"limits_config": {}}, "retention_period is not set"),
        ({"limits_config": None}, "retention_period is not set"),
        ({"limits_config": {"retention_period": "0s"}}, "retention_period is not set"),
        ({"compactor": {}}, "nothing is ever deleted"),
        ({"compactor": {"retention_enabled": False}}, "nothing is ever deleted"),
        (
            {"limits_config": {"retention_period": "1d", "retention_stream": [{"selector": "{a=1}", "period": "0"}]}},
            "the streams {a=1} are kept for ever",
        ),
    ],
)
def test_what_is_kept_for_ever_is_told(change: dict[str, Any], says: str | None) -> None:
    found = unbounded({**BOUNDED, **change})

    assert (found == []) if says is None else (len(found) == 1 and says in found[0])


def store(folder: Path, *command: str) -> Any:
    mount = SimpleNamespace(kind="bind", source=str(folder), target="/etc/loki")
    return SimpleNamespace(name="loki", entrypoint=["loki"], command=list(command), mounts=[mount])


@pytest.mark.parametrize("words", [("-config.file=/etc/loki/loki.yaml",), ("--config.file", "/etc/loki/loki.yaml")])
def test_the_reference_keeps_its_lines_for_a_while(words: tuple[str, ...]) -> None:
    the_retention_check(store(ROOT / "stack" / "config" / "loki", *words), Evidence())


def test_a_store_that_keeps_for_ever_fails(tmp_path: Path) -> None:
    (tmp_path / "loki.yaml").write_text(yaml.safe_dump({**BOUNDED, "limits_config": {}}))

    with pytest.raises(AssertionError, match=r"loki \(loki.yaml\): limits_config.retention_period is not set"):
        the_retention_check(store(tmp_path, "-config.file=/etc/loki/loki.yaml"), Evidence())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "no -config.file is named"),
        (("-config.file=/elsewhere/loki.yaml",), "is not mounted from this host"),
        (("-config.file=/etc/loki/none.yaml",), "can't be read"),
        (("-config.file=/etc/loki/list.yaml",), "is no YAML mapping"),
    ],
)
def test_what_cannot_be_read_is_inconclusive(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "list.yaml").write_text("- a")

    with pytest.raises(CannotTell, match=says):
        settings_of(store(tmp_path, *words))
