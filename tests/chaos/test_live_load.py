"""A live log: half a line waits, failures become outages, and a load that was late or not there is said to be."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from chaos.customers import BaseCustomers, Crowd, Nobody, Seen, browsing
from load.live import LiveLog, LiveReader, Request, lateness, outages
from stack.errors import CannotTell


def requests(*errors: str, every: float = 0.1) -> list[Request]:
    return [Request(number * every, 0.001, 0.01, error) for number, error in enumerate(errors)]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    reader = LiveReader(tmp_path / "live")
    with closing(LiveLog(tmp_path / "live")) as log:
        log.due(0, 10.0)
        log.due(1, 10.1)
        log.answered(0, lag=0.001, latency=0.02, error="")
        log.answered(1, lag=0.002, latency=2.0, error="browse: no answer in time")

    reader.read()

    assert reader.between(10.0, 11.0) == [
        Request(10.0, 0.001, 0.02, ""),
        Request(10.1, 0.002, 2.0, "browse: no answer in time"),
    ]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "live"
    reader = LiveReader(file)
    file.write_text("> 0 10.0\n< 0 0.0")

    reader.read()
    assert reader.is_waiting(11.0)
    assert not reader.is_waiting(9.0)

    with file.open("a") as more:
        more.write("01 0.020 \n")
    reader.read()
    assert not reader.is_waiting(11.0)
    assert reader.between(10.0, 11.0) == [Request(10.0, 0.001, 0.02, "")]


def test_an_outage_lasts_from_the_first_failure_to_the_next_who_is_served() -> None:
    assert outages(requests("", "x", "x", "", "x", "")) == [(0.1, pytest.approx(0.2)), (0.4, pytest.approx(0.1))]
    assert outages(requests("", "")) == []


def test_an_outage_that_had_not_ended_counts_up_to_the_last() -> None:
    assert outages(requests("", "x", "x")) == [(0.1, pytest.approx(0.1))]


def test_one_failure_at_the_end_is_an_outage_too() -> None:
    seen = Seen(0.0, 0.3, tuple(requests("", "", "x")), "")

    assert seen.longest_outage > 0
    assert seen.failures == 1


def test_a_generator_that_made_too_few_requests_was_the_bottleneck() -> None:
    assert lateness(requests("", ""), expected=10) == "it made 2 requests where 10 were due"
    assert lateness([], expected=10) == "it made 0 requests where 10 were due"


def test_a_generator_that_was_late_was_the_bottleneck() -> None:
    late = [Request(0.0, 2.2, 2.3, "") for _ in range(10)]

    assert lateness(late, expected=10) == "its requests started 2.20 s late"
    assert lateness(requests(*[""] * 10), expected=10) == ""


def test_one_stall_that_no_outage_could_hide_in_is_no_bottleneck() -> None:
    """Of 60 requests the 99th percentile is the latest but one: a machine that stood still for 0.7 s made nine late."""
    stalled = [Request(at / 15, max(0.0, 0.7 - at / 15), 0.8, "") for at in range(60)]

    assert lateness(stalled, expected=60) == ""


def test_a_stall_as_long_as_a_fault_stands_is_one_even_among_many() -> None:
    stalled = [Request(at / 15, max(0.0, 2.5 - at / 15), 2.6, "") for at in range(180)]

    assert lateness(stalled, expected=180).endswith("s late")


def test_the_base_load_lasts_as_long_as_the_longest_session() -> None:
    assert browsing().seconds >= 4 * 3600


def test_the_steps_count_every_request_once() -> None:
    seen = Seen(0.0, 1.2, tuple(requests("", "", "", "", "", "x", "x", "", "", "", "", "")), "")

    assert [(step.requests, step.errors) for step in seen.steps] == [(5, 0), (5, 2), (2, 0)]


def test_a_step_without_a_request_has_no_latency() -> None:
    assert [step.p95_seconds for step in Seen(0.0, 1.0, (), "").steps] == [None, None]


def test_a_crowd_waits_for_answers_that_are_under_way(tmp_path: Path) -> None:
    with closing(LiveLog(tmp_path / "live")) as log:
        log.due(0, 10.0)
        log.due(1, 99.0)
        log.answered(0, lag=0.0, latency=0.1, error="")

    seen = Crowd(tmp_path / "live", rate=1).between(10.0, 11.0)

    assert [request.at for request in seen.requests] == [10.0]


def test_answers_that_never_come_are_not_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.customers.PATIENCE_SECONDS", -4.8)
    with closing(LiveLog(tmp_path / "live")) as log:
        log.due(0, time.monotonic())

    with pytest.raises(CannotTell, match="does not say"):
        Crowd(tmp_path / "live").between(0.0, time.monotonic())


def test_nobody_says_why() -> None:
    with pytest.raises(CannotTell, match="no reason to stay"):
        Nobody("no reason to stay").between(0, 1)


def test_a_base_load_that_cannot_be_had_is_nobody_and_is_asked_for_once() -> None:
    class Poor:
        asked = 0

        @property
        def profile(self) -> object:
            self.asked += 1
            raise CannotTell("there is no profile")

    poor = Poor()
    base = BaseCustomers(poor)  # type: ignore[arg-type]

    for _ in range(2):
        with pytest.raises(CannotTell, match="the base load could not be had: there is no profile"):
            base.customers().between(0, 1)
    assert poor.asked == 1
