"""A good release is put into service, a bad one is taken back, and customers are never sent to a colour that is not ready."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stack.deployment.procedure import RolledBack
from stack.deployment.record import SERVING, Book
from stack.deployment.release import BLUE, GREEN, Serving
from stack.deployment.site import ConfigRefused
from stack.errors import CannotTell, UserError
from tests.stack.deployment.fake_site import NEW, OLD, FakeSite, deployment


def test_a_release_is_put_into_service_in_the_idle_colour(tmp_path: Path) -> None:
    site = FakeSite()

    record = deployment(site, tmp_path).blue_green(NEW)

    assert (record.serve, record.previous, record.phase) == (Serving(GREEN, NEW), OLD, SERVING)
    assert (site.served, site.named, site.runs) == (GREEN, GREEN, {GREEN: NEW})
    assert Book(tmp_path / "deployment.json").read() == record


def test_twice_is_once(tmp_path: Path) -> None:
    site = FakeSite()
    deployment(site, tmp_path).blue_green(NEW)
    acts = len(site.acts)

    record = deployment(site, tmp_path).blue_green(replace(NEW, image="the same by another name"))

    assert record.serve == Serving(GREEN, NEW)
    assert len(site.acts) == acts


def test_each_step_is_written_down_before_it_is_taken(tmp_path: Path) -> None:
    site = FakeSite()

    deployment(site, tmp_path).blue_green(NEW)

    assert site.acts == [
        "note starting",
        f"remove {GREEN}",
        f"start {GREEN} shop:2",
        "note switching",
        f"write {GREEN}",
        f"reload {GREEN}",
        "note baking",
        "note draining",
        f"remove {BLUE}",
        "note serving",
    ]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("unready", "server-green was not ready within 0.01 s: it is not ready; rolled back: server-blue with shop:1"),
        ("smokes", "server-green is ready, and fails its smoke test: /api/listings gets status 500; rolled back"),
        ("crashing", "server-green served, and it crashed and was started anew; rolled back: server-blue with shop:1"),
    ],
)
def test_a_bad_release_is_taken_back(tmp_path: Path, kind: str, told: str) -> None:
    site = FakeSite()
    getattr(site, kind).add(NEW.id)

    with pytest.raises(RolledBack, match=told):
        deployment(site, tmp_path).blue_green(NEW)

    assert (site.served, site.named, site.runs) == (BLUE, BLUE, {BLUE: OLD})
    left = Book(tmp_path / "deployment.json").read()
    assert left is not None
    assert (left.is_settled, left.serve, left.previous) == (True, Serving(BLUE, OLD), None)


@pytest.mark.parametrize("kind", ["unready", "smokes", "crashing"])
def test_the_standard_way_takes_a_bad_release_back_too(tmp_path: Path, kind: str) -> None:
    site = FakeSite()
    getattr(site, kind).add(NEW.id)

    with pytest.raises(RolledBack):
        deployment(site, tmp_path).standard(NEW)

    assert (site.served, site.runs) == (BLUE, {BLUE: OLD})


def test_the_standard_way_replaces_what_serves(tmp_path: Path) -> None:
    site = FakeSite()

    record = deployment(site, tmp_path).standard(NEW)

    assert (record.serve, record.previous) == (Serving(BLUE, NEW), OLD)
    assert site.runs == {BLUE: NEW}


def test_an_interrupt_undoes_what_was_begun_and_goes_on(tmp_path: Path) -> None:
    site = FakeSite()
    site.crashing.add(NEW.id)
    under_way = deployment(site, tmp_path)

    def interrupted(colour: str) -> str | None:
        raise KeyboardInterrupt

    site.smoke = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        under_way.blue_green(NEW)

    assert (site.served, site.runs) == (BLUE, {BLUE: OLD})


def test_a_configuration_that_does_not_parse_is_found_before_anything_is_begun(tmp_path: Path) -> None:
    site = FakeSite()
    site.refused = "unknown directive"

    with pytest.raises(ConfigRefused, match="nothing was begun: unknown directive"):
        deployment(site, tmp_path).blue_green(NEW)

    assert site.acts == []


def test_a_configuration_that_breaks_meanwhile_is_not_reloaded(tmp_path: Path) -> None:
    site = FakeSite()
    smoke = site.smoke

    def spoilt(colour: str) -> str | None:
        site.refused = "unknown directive"
        return smoke(colour)

    site.smoke = spoilt  # type: ignore[method-assign]
    with pytest.raises(RolledBack, match="unknown directive; rolled back: server-blue with shop:1"):
        deployment(site, tmp_path).blue_green(NEW)

    assert (site.served, site.named, site.runs) == (BLUE, BLUE, {BLUE: OLD})
    assert not [act for act in site.acts if act.startswith("reload")]


def test_an_edge_that_is_back_in_a_moment_is_waited_for(tmp_path: Path) -> None:
    site = FakeSite()
    site.edge_away = 3

    assert deployment(site, tmp_path).blue_green(NEW).serve.colour == GREEN


def test_with_both_colours_down_there_is_nothing_to_deploy_beside(tmp_path: Path) -> None:
    site = FakeSite()
    site.down.add(BLUE)

    with pytest.raises(UserError, match="both colours are down, so there is nothing to deploy beside"):
        deployment(site, tmp_path).blue_green(NEW)


def test_where_the_named_colour_is_down_and_the_other_ready_the_other_is_given_the_customers(tmp_path: Path) -> None:
    site = FakeSite()
    site.runs[GREEN] = NEW
    site.down.add(BLUE)

    record = deployment(site, tmp_path).settle()

    assert record.serve == Serving(GREEN, NEW)
    assert site.served == GREEN


def test_a_rollback_puts_the_previous_release_back_once(tmp_path: Path) -> None:
    site = FakeSite()
    deployment(site, tmp_path).blue_green(NEW)

    record = deployment(site, tmp_path).rollback()

    assert (record.serve, record.previous) == (Serving(BLUE, OLD), None)
    with pytest.raises(UserError, match="there is nothing to roll back to: server-blue with shop:1"):
        deployment(site, tmp_path).rollback()


def test_a_name_that_has_moved_since_is_no_reason_to_forget_the_previous_release(tmp_path: Path) -> None:
    site = FakeSite()
    deployment(site, tmp_path).blue_green(NEW)
    site.runs[GREEN] = replace(NEW, image="its id")

    assert deployment(site, tmp_path).rollback().serve == Serving(BLUE, OLD)


def test_what_was_deployed_behind_its_back_is_no_place_to_roll_back_to(tmp_path: Path) -> None:
    site = FakeSite()
    deployment(site, tmp_path).blue_green(NEW)
    site.runs[GREEN] = replace(NEW, id="sha256:3")

    with pytest.raises(UserError, match="nothing to roll back to"):
        deployment(site, tmp_path).rollback()


def test_a_record_that_is_not_ours_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text('{"phase": "serving"')

    with pytest.raises(CannotTell, match="can't be read as a deployment's state; look which colour"):
        deployment(FakeSite(), tmp_path).settle()
