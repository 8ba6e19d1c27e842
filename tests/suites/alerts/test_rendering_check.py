"""ALR-ROUTE-002 passes on texts a person can read, and fails on each way in which a template and its data don't fit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.clients.receiver import DeliveredAlert
from stack.errors import CannotTell
from suites.alerts.rendered import faults_of
from suites.alerts.test_rendering import test_notification_can_be_read as the_check
from suites.check import Evidence

PAGE = "docs/runbook/ServiceDown.md"


def told(**annotations: str) -> DeliveredAlert:
    """An alert about the till, as it should be but for these annotations."""
    sound = {"summary": "till is down", "description": "till (till:8000) has not answered for one minute.", "runbook_url": PAGE}
    labels = {"alertname": "ServiceDown", "severity": "critical", "service": "till", "empty": ""}
    return DeliveredAlert("ServiceDown", "firing", labels, sound | annotations, datetime.now(UTC), "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one page of the runbook."""
    (tmp_path / PAGE).parent.mkdir(parents=True)
    (tmp_path / PAGE).touch()
    return tmp_path


def test_a_text_that_can_be_read_passes(root: Path) -> None:
    assert faults_of(told(), root) == []
    assert faults_of(told(runbook_url=f"{PAGE}#what-to-do"), root) == []
    assert faults_of(told(runbook_url="https://runbook.example/x"), root) == []


@pytest.mark.parametrize(
    ("annotations", "says"),
    [
        ({"summary": "{{ $labels.service }} is down"}, "its summary has a template that nobody filled in"),
        ({"summary": "<no value> is down"}, "its summary has a value that was not there"),
        ({"description": "<error expanding template: no such label>"}, "its description has a template that failed"),
        ({"description": "till has waited %!s(float64=3)"}, "its description has a format that does not fit its value"),
        ({"description": "till waits NaN seconds"}, "its description has a number that is none"),
        ({"description": "till waits +Inf"}, "its description has a number that is none"),
        ({"summary": " "}, "its summary is empty"),
        ({"summary": " is down", "description": "has not answered"}, "neither text names what it is about"),
        ({"summary": "ServiceDown", "description": "critical"}, "neither text names what it is about"),
        ({"runbook_url": "docs/runbook/Nowhere.md"}, "its runbook page docs/runbook/Nowhere.md does not exist"),
        ({"runbook_url": ""}, "it has no runbook link"),
    ],
)
def test_a_text_that_cannot_be_read_or_followed_fails(root: Path, annotations: dict[str, str], says: str) -> None:
    stack: Any = SimpleNamespace(root=root)
    drilled: Any = [SimpleNamespace(heard=[SimpleNamespace(alert="ServiceDown", said=told(**annotations))])]

    with pytest.raises(AssertionError, match=says.replace("(", r"\(")):
        the_check(stack, drilled, "ServiceDown", Evidence())


def test_words_that_only_look_like_no_number_are_fine(root: Path) -> None:
    assert faults_of(told(description="till: Infinity war, Nancy, Info"), root) == []


def test_an_alert_that_never_arrived_is_no_verdict(root: Path) -> None:
    stack: Any = SimpleNamespace(root=root)
    drilled: Any = [SimpleNamespace(heard=[SimpleNamespace(alert="ServiceDown", said=None)])]

    with pytest.raises(CannotTell, match="no ServiceDown arrived that could be read"):
        the_check(stack, drilled, "ServiceDown", Evidence())
