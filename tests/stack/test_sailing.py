"""Running a journey: the schedule, the counts, and the command."""

import json

import pytest

from stack.errors import CannotTell, SeatrialError, UserError
from stack.journey import Ack, Losses, Wrong, journey_of
from stack.sailing import main, sail


class _Script:
    """A journey that does as it is told."""

    def __init__(self, *events: Exception | None) -> None:
        self._events = list(events)
        self.acted = 0

    def act(self) -> Ack:
        event = self._events[self.acted % len(self._events)]
        self.acted += 1
        if event:
            raise event
        return Ack(self.acted, "order", 0.0, str(self.acted))

    def verify(self, acks: object) -> Losses:
        return Losses()


def test_it_writes_at_the_rate_and_counts_what_happened() -> None:
    log = sail(_Script(None, CannotTell("gone"), SeatrialError("refused"), None), seconds=0.4, rate=50)

    assert (len(log.acks), log.unanswered, log.refused["refused"]) == (10, 5, 5)
    assert 0.3 < log.seconds < 2


def test_it_stops_when_told() -> None:
    script = _Script(None)

    sail(script, seconds=60, rate=1000, until=lambda: script.acted == 5)

    assert script.acted == 5


def test_ctrl_c_keeps_what_was_acknowledged() -> None:
    log = sail(_Script(None, None, KeyboardInterrupt()), seconds=60, rate=1000)  # type: ignore[arg-type]

    assert len(log.acks) == 2


def test_losses_read_as_one_sentence() -> None:
    ack = Ack(7, "order", 0.0, "abc")

    assert str(Losses()) == "nothing lost, duplicated or wrong"
    assert str(Losses((ack,), (), (Wrong(ack, "note was 1 and is 2"),))) == (
        "1 lost (first: order abc, sequence 7), 1 wrong (first: order abc: note was 1 and is 2)"
    )


@pytest.mark.parametrize("argv", [["run", "--for", "soon"], ["run", "--rate", "0"], ["run", "--rate", "fast"], []])
def test_bad_input_leaves_with_4(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("url", ["foo", "file:///etc/hosts", "http://", "http://[::1", "http://h:99999"])
def test_a_url_that_is_none_is_bad_input_and_no_silence_of_a_marketplace(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--for", "100ms", "--rate", "10", f"--url={url}"]) == 4
    assert capsys.readouterr().err.endswith("an http or https URL with a host is expected.\n")


def test_nothing_acknowledged_is_a_failure_and_json_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "--for", "200ms", "--rate", "10", "--url", "http://127.0.0.1:9", "--json"])

    said = json.loads(capsys.readouterr().out)
    assert (code, said["acknowledged"], said["unanswered"]) == (1, 0, 2)


def test_a_stack_that_is_gone_when_verifying_is_told_with_what_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Gone(_Script):
        def verify(self, acks: object) -> Losses:
            raise CannotTell("nobody answers")

    monkeypatch.setattr("stack.marketplace.MarketplaceJourney", lambda _: Gone(None))

    code = main(["run", "--for", "200ms", "--rate", "10", "--url", "http://127.0.0.1:9"])

    told = capsys.readouterr().out
    assert code == 4
    assert "2 order" in told
    assert "cannot tell: nobody answers" in told


@pytest.mark.parametrize("path", ["nowhere:Class", "stack.marketplace:Nothing", "stack.errors:UserError"])
def test_a_journey_that_cannot_be_made_is_the_profile_s_mistake(path: str) -> None:
    class Named:
        def __init__(self) -> None:
            self.path = path
            self.options: dict[str, object] = {}

    class Profile:
        journey = Named()

    class Stack:
        profile = Profile()

    with pytest.raises(UserError, match=path.split(":")[0]):
        journey_of(Stack())  # type: ignore[arg-type]
