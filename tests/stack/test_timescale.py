"""Durations shrink, promises don't: the transformation that makes drills short may not make them lie."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import UserError
from stack.timescale import (
    main,
    milliseconds,
    notation,
    scaled,
    scaled_alertmanager,
    scaled_expression,
    scaled_prometheus,
    scaled_rules,
    told_too,
    write_scaled,
)

CONFIG = Path(__file__).parents[2] / "stack" / "config"
lengths = st.integers(min_value=1, max_value=10**12)
scales = st.floats(min_value=0.001, max_value=1)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("up == 0", "up == 0"),
        ("rate(x[5m])", "rate(x[20s])"),
        ("max_over_time(rate(x[5m])[1h:5m])", "max_over_time(rate(x[20s])[4m:20s])"),
        ("max_over_time(x[1h:])", "max_over_time(x[4m:])"),
        ("x offset 1h", "x offset 4m"),
        ("x offset -15m", "x offset -1m"),
        ("time() - x > 86400", "time() - x > 86400"),
        ("x > 14 * 86400", "x > 14 * 86400"),
        ('x{path="[5m]"}[15s]', 'x{path="[5m]"}[1s]'),
        ("x{path='it\\'s [5m] offset 5m'}", "x{path='it\\'s [5m] offset 5m'}"),
        ("x # rate[5m]\n + y[15s]", "x # rate[5m]\n + y[1s]"),
        ("offset_total[15s]", "offset_total[1s]"),
    ],
)
def test_only_durations_of_an_expression_are_scaled(expression: str, result: str) -> None:
    assert scaled_expression(expression, 1 / 15) == result


@given(lengths)
def test_a_duration_survives_its_notation(length: int) -> None:
    assert milliseconds(notation(length)) == length


@given(lengths, scales)
def test_scaling_is_right_to_the_millisecond_and_never_makes_nothing(length: int, scale: float) -> None:
    exact = Fraction(length) * Fraction(scale).limit_denominator(10_000)

    result = milliseconds(scaled(notation(length), scale))

    assert result >= 1
    assert result == 1 or abs(result - exact) <= Fraction(1, 2)


@given(lengths, lengths, scales)
def test_order_is_kept(one: int, other: int, scale: float) -> None:
    short, long = sorted((one, other))

    assert milliseconds(scaled(notation(short), scale)) <= milliseconds(scaled(notation(long), scale))


@given(st.text(max_size=200), scales)
def test_text_without_durations_is_untouched(text: str, scale: float) -> None:
    plain = text.replace("[", "(").replace("offset", "onset")

    assert scaled_expression(plain, scale) == plain


@pytest.mark.parametrize("wrong", ["", "5", "5 m", "m5", "1s1m", "-5m", "1.5h"])
def test_what_is_no_duration_is_refused(wrong: str) -> None:
    with pytest.raises(UserError, match="is no duration"):
        milliseconds(wrong)


def every_rule(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("file", sorted((CONFIG / "prometheus" / "rules").glob("*.yml")), ids=lambda file: file.stem)
def test_rules_keep_everything_but_durations(file: Path) -> None:
    document = yaml.safe_load(file.read_text())

    changed = scaled_rules(document, 1 / 15)

    for before, after in zip(every_rule(document), every_rule(changed), strict=True):
        assert {k: v for k, v in before.items() if k not in ("for", "expr")} == {
            k: v for k, v in after.items() if k not in ("for", "expr")
        }
        assert re.sub(r"\[[^\]]*\]", "[]", before["expr"]) == re.sub(r"\[[^\]]*\]", "[]", after["expr"])
        if "for" in before:
            assert milliseconds(after["for"]) * 15 == milliseconds(before["for"])


def test_a_scale_of_one_changes_no_duration() -> None:
    document = yaml.safe_load((CONFIG / "prometheus" / "rules" / "http.yml").read_text())

    assert scaled_rules(document, 1) == document


def test_a_jobs_own_timeout_is_the_floor_of_its_interval_and_the_default_one_shrinks() -> None:
    document = {
        "global": {"scrape_interval": "15s", "scrape_timeout": "10s"},
        "scrape_configs": [{"job_name": "slow", "scrape_timeout": "4s"}, {"job_name": "rare", "scrape_interval": "5m"}],
    }

    changed = scaled_prometheus(document, 1 / 15)

    assert changed["global"] == {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "4s"}
    assert changed["scrape_configs"] == [
        {"job_name": "slow", "scrape_timeout": "4s", "scrape_interval": "4s"},
        {"job_name": "rare", "scrape_interval": "20s"},
    ]


def test_routes_inherit_as_before_and_unsaid_timers_are_said() -> None:
    document = {
        "route": {"receiver": "a", "routes": [{"receiver": "b", "group_wait": "15s", "routes": [{"receiver": "c"}]}]}
    }

    changed = scaled_alertmanager(document, 1 / 15)

    assert changed["route"]["group_interval"] == "20s"
    assert changed["route"]["routes"] == [{"receiver": "b", "group_wait": "1s", "routes": [{"receiver": "c"}]}]
    assert changed["global"] == {"resolve_timeout": "20s"}


def test_the_copy_is_whole_and_its_prometheus_tells_the_drills_alertmanager(tmp_path: Path) -> None:
    write_scaled(CONFIG, tmp_path, alertmanager="alertmanager-drill:9093")

    prometheus = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text())
    assert prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager-drill:9093"]
    assert prometheus["global"]["external_labels"]["drill"] == "true"
    rules = {file.name for file in (CONFIG / "prometheus" / "rules").glob("*.yml")}
    assert {file.name for file in (tmp_path / "prometheus" / "rules").iterdir()} == rules
    assert not (tmp_path / "prometheus" / "tests").exists()


def test_bad_input_is_one_sentence_and_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "out")]) == 4
    assert main([str(CONFIG), str(tmp_path / "out"), "--scale", "2"]) == 4

    lines = capsys.readouterr().err.splitlines()
    assert "can't be scaled" in lines[0]
    assert lines[1] == "--scale 2 is not in (0, 1]"


def test_what_a_receiver_is_told_its_twin_is_told_too() -> None:
    hook = {"url": "http://receiver:9095/webhook", "send_resolved": True}
    elsewhere = {"url": "http://elsewhere:9095/webhook"}
    document = {"receivers": [{"name": "a", "webhook_configs": [hook, elsewhere]}, {"name": "nobody"}]}

    told = told_too(document, "receiver:9095", "twin:9095")["receivers"]

    assert told[0]["webhook_configs"] == [hook, elsewhere, {**hook, "url": "http://twin:9095/webhook"}]
    assert told[1] == {"name": "nobody"}
    assert told_too({}, "receiver:9095", "twin:9095")["receivers"] == []
