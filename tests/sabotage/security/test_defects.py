"""Why: a check that was never seen to fail proves nothing. Each seeded defect must be found by its check, and by no other."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.completed import complete
from stack.driver import Driver
from stack.errors import CannotTell, NoEngine
from stack.ops import firewall
from tests.sabotage.security import keys
from tests.sabotage.security.ledger import DEFECTS, catalogue_levels, caught
from tests.sabotage.security.suite_run import CARELESS, HERE, MOVING, PROJECT, Run, environment, run_suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, certificates, a half-encrypted secrets file and the profile that names them."""
    made = tmp_path_factory.mktemp("sabotage")
    made.chmod(0o755)
    keys.certificates(made / "tls")
    keys.secrets(made)
    keys.backups(made / "backups")
    profile = (HERE / "profile.toml").read_text().replace("{tmp}", str(made))
    for name, old, new in (
        ("profile", "", ""),
        ("old", "[stack]\n", "[stack]\nhttps_port = 8444\n"),
        ("limits", "[stack]\n", "[stack]\nhttps_port = 8445\n"),
        ("hasty", '"plain-database"', '"hasty-database"'),
        ("forgotten", "secrets.enc.yaml", "forgotten.enc.yaml"),
    ):
        (made / f"{name}.toml").write_text(profile.replace(old, new) if old else profile)
    (made / "flows.toml").write_text(profile + (HERE / "flows.toml").read_text())
    return made


@pytest.fixture(scope="module")
def project(folder: Path) -> Iterator[Driver]:
    """The sabotaged project, up and then drifted; gone afterwards, whatever happens."""
    if os.geteuid() != 0:
        pytest.skip("the seeded defects need root")
    try:
        driver = Driver.connect(PROJECT, (HERE / "compose.yaml",), env=environment(folder))
    except NoEngine as error:
        pytest.skip(str(error))
    for image in (
        "seatrial/python:local",
        "seatrial/server:local",
        "seatrial/nginx:local",
        "seatrial/prometheus:local",
    ):
        try:
            driver.image(image)
        except CannotTell:
            pytest.skip(f"{image} is not built: make up builds it")
    complete(("docker", "tag", "seatrial/python:local", MOVING), timeout_seconds=10)
    try:
        driver.compose("build", "careless-image", timeout_seconds=120)
        driver.compose("up", "--detach", "--no-build", "--pull", "never", timeout_seconds=180)
        driver.connect_network(driver.container_ids("drifted")[0], f"{PROJECT}_open")
        yield driver
    finally:
        driver.compose("down", "--volumes", "--remove-orphans", "--timeout", "1", timeout_seconds=120)
        complete(("docker", "image", "rm", MOVING, CARELESS), timeout_seconds=10)


@pytest.fixture(scope="module")
def open_run(project: Driver, folder: Path) -> Run:
    """The whole suite, with no firewall."""
    return run_suite(folder, profile=folder / "profile.toml")


@pytest.fixture(scope="module")
def firewalled_run(project: Driver, folder: Path, open_run: Run) -> Iterator[Run]:
    """The network checks again, with the project's firewall up."""
    firewall.apply(PROJECT)
    try:
        yield run_suite(folder, "suites/security/test_network.py", profile=folder / "profile.toml")
    finally:
        firewall.remove(PROJECT)


@pytest.fixture(scope="module")
def old_port_run(project: Driver, folder: Path) -> Run:
    """The TLS checks on the edge's port that has no TLS 1.3."""
    return run_suite(
        folder, "suites/security/test_tls.py", "suites/security/test_certificate.py", profile=folder / "old.toml"
    )


@pytest.fixture(scope="module")
def wrong_limits_run(project: Driver, folder: Path) -> Run:
    """The rate checks on the edge's port that limits by what a client says of itself."""
    return run_suite(folder, "suites/security/test_rate.py", profile=folder / "limits.toml")


@pytest.fixture(scope="module")
def hasty_run(project: Driver, folder: Path) -> Run:
    """The database checks on the database that does not wait for the disk."""
    return run_suite(
        folder, "suites/security/test_database.py", "suites/security/test_passwords.py", profile=folder / "hasty.toml"
    )


@pytest.fixture(scope="module")
def forgotten_run(project: Driver, folder: Path) -> Run:
    """The checks of the secrets file on one with a value in plain text."""
    return run_suite(folder, "suites/security/test_secrets.py", profile=folder / "forgotten.toml")


@pytest.fixture(scope="module")
def flows_run(project: Driver, folder: Path, firewalled_run: Run) -> Run:
    """The network checks with flows declared that are not what the networks allow."""
    test = "suites/security/test_network.py::test_services_reach_what_flows_say"
    return run_suite(folder, test, profile=folder / "flows.toml")


@pytest.mark.parametrize("service", DEFECTS["services"])
def test_exactly_the_expected_checks_fail_on_a_service(open_run: Run, service: str) -> None:
    assert open_run.failed(service) == sorted(DEFECTS["services"][service])
    for check in DEFECTS["services"][service]:
        caught("services", f"{service} {check}", open_run.seconds(check, service))


@pytest.mark.parametrize("check", DEFECTS["whole"])
def test_the_check_finds_the_defect_and_names_it(open_run: Run, check: str) -> None:
    assert "FAIL" in open_run.outcomes(check), f"{check}: {open_run.outcomes(check) or 'did not run'}"
    assert_caught(open_run, "whole", check)


@pytest.mark.parametrize("check", DEFECTS["silent"]["checks"])
def test_a_check_without_a_seeded_defect_stays_silent(open_run: Run, check: str) -> None:
    assert open_run.outcomes(check)
    assert "FAIL" not in open_run.outcomes(check), open_run.texts(check)


def test_every_answer_is_given_at_the_level_its_check_promises(open_run: Run) -> None:
    promised = catalogue_levels()
    short = defaultdict(set)
    for result in open_run.results:
        if result["outcome"] in ("PASS", "FAIL"):
            short[result["id"]] |= {note["level"] for note in result.get("notes", ())}

    assert {id_: levels for id_, levels in short.items() if promised[id_] not in levels} == {}


def test_no_other_check_fails(open_run: Run) -> None:
    expected = set(DEFECTS["whole"]) | {check for checks in DEFECTS["services"].values() for check in checks}
    failed: dict[str, list[str]] = defaultdict(list)
    for result in open_run.results:
        if result["outcome"] == "FAIL" and result["id"] not in expected:
            failed[result["id"]].append(str(result.get("subject")))

    assert not failed


def test_no_secret_is_repeated_in_what_the_suite_says(open_run: Run) -> None:
    assert "Xk29-vq7LmPzt4" not in open_run.output + json.dumps(open_run.results)


@pytest.mark.parametrize("check", DEFECTS["firewalled"])
def test_the_firewall_closes_what_the_engine_leaves_open(firewalled_run: Run, check: str) -> None:
    assert_caught(firewalled_run, "firewalled", check)
    for text in DEFECTS["firewalled_never"][check]:
        assert not re.search(rf'[" \\n]{re.escape(text)}\b', firewalled_run.texts(check)), firewalled_run.texts(check)


@pytest.mark.parametrize("check", DEFECTS["old_port"])
def test_a_port_without_tls_1_3_is_found(old_port_run: Run, check: str) -> None:
    assert_caught(old_port_run, "old_port", check)


@pytest.mark.parametrize("check", DEFECTS["wrong_limits"])
def test_limits_that_clients_set_for_themselves_are_found(wrong_limits_run: Run, check: str) -> None:
    assert_caught(wrong_limits_run, "wrong_limits", check)


@pytest.mark.parametrize("check", DEFECTS["hasty"])
def test_a_database_that_does_not_wait_for_the_disk_is_found(hasty_run: Run, check: str) -> None:
    assert_caught(hasty_run, "hasty", check)


@pytest.mark.parametrize("check", DEFECTS["forgotten"])
def test_a_value_forgotten_in_the_secrets_file_is_found(forgotten_run: Run, check: str) -> None:
    assert_caught(forgotten_run, "forgotten", check)


def test_flows_that_work_undeclared_and_declared_ones_that_do_not_are_found(flows_run: Run) -> None:
    assert_caught(flows_run, "flows", "SEC-NET-002")
    for text in DEFECTS["flows_never"]["SEC-NET-002"]:
        assert text not in flows_run.texts("SEC-NET-002")


def assert_caught(run: Run, name: str, check: str) -> None:
    """Fails with what the check said when a text that the table of this run expects is not in it."""
    said = run.texts(check)
    texts = [text.replace("{project}", PROJECT) for text in DEFECTS[name][check]]
    missing = [text for text in texts if text not in said]
    assert not missing, f"{check} does not say {missing}; it says: {said[:2000] or run.outcomes(check)}"
    caught(name, check, run.seconds(check))
