"""The alert checks find each seeded defect: a muted route, a rule that sees nothing, noise, a broken or untested rule."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.runner import Runner
from stack.clients.http import Refused
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually
from suites.alerts.drill import Trial, run, trials
from suites.alerts.routing import route
from suites.alerts.rule_files import rule_files
from suites.alerts.scaled_copy import drill
from suites.alerts.switch import lose_each
from suites.alerts.test_firing import test_alert_fires_arrives_and_resolves as the_firing_check
from suites.alerts.test_firing import test_fault_raises_its_alerts_and_no_others as the_quiet_check
from suites.alerts.test_rendering import test_notification_can_be_read as the_rendering_check
from suites.alerts.test_routing import test_alert_routes_by_its_severity as the_route_check
from suites.alerts.test_routing import (
    test_cause_inhibits_its_consequences_and_a_group_is_one_message as the_group_check,
)
from suites.alerts.test_rules import test_metrics_of_rules_exist as the_metric_check
from suites.alerts.test_rules import test_rules_parse_and_pass_their_tests as the_rule_check
from suites.alerts.test_silence import test_loss_of_the_alerting_is_noticed as the_switch_check
from suites.check import Evidence
from suites.observability.test_cardinality import test_series_per_target_are_bounded as the_series_check
from suites.observability.test_targets import test_every_target_is_up as the_target_check

HERE = Path(__file__).parent
IMAGES = ("python", "prometheus", "alertmanager", "alert-receiver")
_SOON = timedelta(seconds=20)
_NOW_AND_THEN = timedelta(milliseconds=200)
_Change = Callable[[Path], None]


@contextmanager
def running(folder: Path, sabotage: _Change) -> Iterator[Stack]:
    """The small stack with its configuration changed by `sabotage`; removed afterwards."""
    config = folder / "config"
    shutil.copytree(HERE / "config", config)
    for path in [folder, *folder.parents][:3]:
        path.chmod(path.stat().st_mode | 0o055)  # the containers' users read it
    sabotage(config)
    env = {
        "SABOTAGE_CONFIG": str(config),
        "SEATRIAL_STATE_DIR": str(folder / "state"),
        "SEATRIAL_PROMETHEUS_DRILL_PORT": "27191",
        "SEATRIAL_ALERTMANAGER_DRILL_PORT": "27193",
        "SEATRIAL_RECEIVER_DRILL_PORT": "27196",
    }
    project = f"st-sabotage-alerts-{os.getpid()}"
    stack = Stack.load([HERE / "compose.yaml"], project=project, profile=HERE / "profile.toml", env=env)
    try:
        driver = Driver.connect(project, stack.compose_files, env=env)
        for image in IMAGES:
            driver.image(f"seatrial/{image}:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine and built images: {reason}")
    try:
        driver.compose("up", "--detach")
        eventually(lambda: stack.receiver.is_healthy(), within=_SOON, every=_NOW_AND_THEN)
        yield stack
    finally:
        Runner.of(stack).close()
        driver.compose("down", "--volumes", "--timeout", "0")


def edit(file: str, old: str, new: str) -> _Change:
    def change(config: Path) -> None:
        path = config / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def nothing(_config: Path) -> None:
    """Leave it sound."""


def heard(stack: Stack) -> list[Trial]:
    """What became of the stack's one row of the matrix."""
    with drill(stack) as copy:
        return run(copy, trials(stack))


def test_a_sound_stack_passes_every_check(tmp_path: Path) -> None:
    with running(tmp_path, nothing) as stack:
        with drill(stack) as copy:
            found, losses = run(copy, trials(stack)), lose_each(copy)

        the_firing_check(found, "ServiceDown", Evidence())
        the_rendering_check(stack, found, "ServiceDown", Evidence())
        the_quiet_check(found, trials(stack)[0], Evidence())
        the_switch_check(losses, "alert-receiver", Evidence())
        the_rule_check(stack, rule_files(stack), Evidence())
        eventually(lambda: all(t.is_up for t in stack.prometheus.targets()), within=_SOON * 2, every=_NOW_AND_THEN)
        the_target_check(stack, "prometheus", Evidence())
        the_series_check(stack, "prometheus", Evidence())
        (rules,) = rule_files(stack)
        the_metric_check(stack, rules, Evidence())
        posted = route(stack)
        the_route_check(stack, "alertmanager", posted, Evidence())
        the_group_check("alertmanager", posted, Evidence())


def test_a_rule_about_a_metric_or_label_that_nobody_provides_is_found(tmp_path: Path) -> None:
    renamed = edit("prometheus/rules/down.yml", "expr: up == 0", 'expr: up{colour="blue"} == 0 or coins_total > 9')
    with running(tmp_path, renamed) as stack:
        eventually(lambda: {"up", "coins"} <= metrics(stack), within=_SOON * 2, every=_NOW_AND_THEN)
        (rules,) = rule_files(stack)

        with pytest.raises(AssertionError, match="down: there is no metric coins_total; up has no label colour"):
            the_metric_check(stack, rules, Evidence())


def metrics(stack: Stack) -> set[str]:
    """The metrics that the stack's Prometheus has seen; none while it starts."""
    try:
        return set(stack.prometheus.metric_names())
    except (CannotTell, Refused):
        return set()


def test_a_muted_route_is_found(tmp_path: Path) -> None:
    mute = edit("alertmanager/alertmanager.yml", "receiver: everybody\n  group_by", "receiver: nobody\n  group_by")
    with running(tmp_path, mute) as stack:
        found = heard(stack)

        with pytest.raises(AssertionError, match="ServiceDown: the receiver heard nothing of till"):
            the_firing_check(found, "ServiceDown", Evidence())
        with pytest.raises(AssertionError, match="nothing arrived, expected ServiceDown"):
            the_quiet_check(found, trials(stack)[0], Evidence())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{{ $labels.service }} is down", "{{ $labels.colour }} is down", "neither text names what it is about"),
        (
            "{{ $labels.service }} is down",
            "{{ $labels.service }} is {{ query `nothing` | first | value }}",
            "a template that failed",
        ),
        (
            "runbook_url: docs/runbook/ServiceDown.md}\n      - alert: Till",
            "runbook_url: docs/runbook/None.md}\n      - alert: Till",
            "docs/runbook/None.md does not exist",
        ),
    ],
    ids=["a label that is not there", "a function without data", "a page that is not there"],
)
def test_a_notification_that_nobody_can_read_is_found(tmp_path: Path, old: str, new: str, says: str) -> None:
    with running(tmp_path, edit("prometheus/rules/down.yml", old, new)) as stack:
        found = heard(stack)

        with pytest.raises(AssertionError, match=says):
            the_rendering_check(stack, found, "ServiceDown", Evidence())


_ROUTING = "alertmanager/alertmanager.yml"


@pytest.mark.parametrize(
    ("sabotage", "check", "says"),
    [
        (
            edit(_ROUTING, "  routes: [", "  routes: [{matchers: ['severity = \"critical\"'], receiver: nobody}, "),
            "route",
            "ServiceDown: is routed to nobody, expected everybody",
        ),
        (
            edit(_ROUTING, "alert-receiver:9095", "alert-receiver:9096"),
            "route",
            "ServiceDown: arrived by no way, expected everybody",
        ),
        (
            edit(_ROUTING, "[alertname, service]", "[alertname, service, instance]"),
            "group",
            "came in 2 messages, expected 1",
        ),
        (
            edit(_ROUTING, 'alertname = "TillSilent"', 'alertname = "TillLoud"'),
            "group",
            "holds back any of the loaded alerts",
        ),
    ],
    ids=["a route to nobody", "a receiver that is not there", "a group in pieces", "nothing is held back"],
)
def test_a_wrong_way_is_found(tmp_path: Path, sabotage: _Change, check: str, says: str) -> None:
    with running(tmp_path, sabotage) as stack:
        eventually(lambda: scraped_once(stack) and stack.alertmanager.is_ready(), within=_SOON * 2, every=_NOW_AND_THEN)
        posted = route(stack)

        with pytest.raises(AssertionError, match=says):
            if check == "route":
                the_route_check(stack, "alertmanager", posted, Evidence())
            else:
                the_group_check("alertmanager", posted, Evidence())


@pytest.mark.parametrize(
    ("sabotage", "says"),
    [
        (
            edit("prometheus/rules/down.yml", "expr: vector(1)", "expr: vector(1) > 1"),
            "the watchdog does not reach it, so that its silence means nothing",
        ),
        (
            edit(
                "prometheus/prometheus.yml", '"alert-receiver:9095"], labels: {service: alert-receiver}', '"till:8000"]'
            ),
            "the loss of alert-receiver was noticed by Prometheus never",
        ),
    ],
    ids=["no watchdog", "a receiver that nobody scrapes"],
)
def test_a_broken_switch_is_found(tmp_path: Path, sabotage: _Change, says: str) -> None:
    with running(tmp_path, sabotage) as stack:
        eventually(lambda: scraped_once(stack), within=_SOON * 2, every=_NOW_AND_THEN)
        with drill(stack) as copy:
            losses = lose_each(copy)

        with pytest.raises(AssertionError, match=says):
            the_switch_check(losses, "alert-receiver", Evidence())


def test_noise_is_found(tmp_path: Path) -> None:
    noisy = edit("prometheus/rules/down.yml", "for: 1h", "for: 15s")
    with running(tmp_path, noisy) as stack:
        found = heard(stack)

        with pytest.raises(AssertionError, match="raised TillSilent too"):
            the_quiet_check(found, trials(stack)[0], Evidence())
        assert found[0].broken_silence == ("TillSilent about nobody named, a consequence",)
        found[0].noise.clear()  # as where another row of the matrix expects the alert of somebody else
        with pytest.raises(
            AssertionError, match="TillSilent about nobody named, a consequence was delivered, and must stay"
        ):
            the_quiet_check(found, trials(stack)[0], Evidence())


def test_a_target_that_nobody_scrapes_and_one_that_is_down_are_found(tmp_path: Path) -> None:
    lost = edit(
        "prometheus/prometheus.yml", 'targets: ["till:8000"], labels: {service: till}', 'targets: ["tally:8000"]'
    )
    with running(tmp_path, lost) as stack:
        eventually(lambda: any(t.last_error for t in stack.prometheus.targets()), within=_SOON * 2, every=_NOW_AND_THEN)

        with pytest.raises(
            AssertionError, match="tally:8000 is down: .*till has metrics, and Prometheus has no target for it"
        ):
            the_target_check(stack, "prometheus", Evidence())


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        ("", "till till:8000 brings 1 series, and no sample_limit bounds it"),
        (", sample_limit: 1", "more series than it may"),
    ],
    ids=["none", "too many"],
)
def test_series_without_a_bound_and_over_it_are_found(tmp_path: Path, bound: str, says: str) -> None:
    def change(config: Path) -> None:
        edit("prometheus/prometheus.yml", ", sample_limit: 100", bound)(config)
        if bound:
            (config / "served" / "metrics").write_text("coins 5\nnotes 2\n")

    with running(tmp_path, change) as stack:
        eventually(lambda: scraped_once(stack), within=_SOON * 2, every=_NOW_AND_THEN)

        with pytest.raises(AssertionError, match=says):
            the_series_check(stack, "prometheus", Evidence())


def scraped_once(stack: Stack) -> bool:
    """Whether the till's first scrape is over, however it ended."""
    try:
        targets = stack.prometheus.targets()
    except (CannotTell, Refused):
        return False
    return bool(targets) and all(one.last_scrape is not None for one in targets)


@pytest.mark.parametrize(
    ("sabotage", "says"),
    [
        (edit("prometheus/rules/down.yml", "up == 0", "up == == 0"), "promtool refuses the rules: .*parse error"),
        (edit("prometheus/rules/down.yml", "for: 1m", "for: 10m"), "unit tests of the rules fail"),
        (edit("prometheus/tests/down_test.yml", "TillSilent", "TillLoud"), "no unit test names TillSilent"),
    ],
    ids=["does not parse", "fails its tests", "is not tested"],
)
def test_a_bad_rule_is_found(tmp_path: Path, sabotage: _Change, says: str) -> None:
    config = tmp_path / "config"
    shutil.copytree(HERE / "config", config)
    sabotage(config)
    env = {"SABOTAGE_CONFIG": str(config)}
    stack = Stack.load([HERE / "compose.yaml"], profile=HERE / "profile.toml", env=env)
    try:
        stack.driver.image("seatrial/prometheus:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine and built images: {reason}")
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(path.stat().st_mode | 0o055)

    with pytest.raises(AssertionError, match=says):
        the_rule_check(stack, rule_files(stack), Evidence())
