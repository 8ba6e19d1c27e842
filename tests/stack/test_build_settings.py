"""A build gets the machine's own settings, quoted and as secrets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stack import build_settings
from stack.build_settings import ca_bundle, host_script, write_secrets
from tests.stack.fake_programs import FakePrograms, programs

__all__ = ["programs"]


def exported(script: str, name: str) -> str:
    """Return what a variable holds after a shell has read the script."""
    ended = subprocess.run(["/bin/sh", "-c", f'{script}\nprintf %s "${name}"'], capture_output=True, text=True, check=True)
    return ended.stdout


@pytest.mark.parametrize("value", ["http://proxy.test:3128", "http://user:p'w$(x)@proxy.test", "a b\"c"])
def test_a_setting_arrives_as_it_is_and_runs_nothing(value: str) -> None:
    assert exported(host_script({"https_proxy": value}, {}, {}), "https_proxy") == value


def test_the_environment_wins_over_configuration_files() -> None:
    script = host_script({"GOPROXY": "from-environment"}, {}, {"GOPROXY": "from-file"})

    assert exported(script, "GOPROXY") == "from-environment"


def test_nothing_else_of_the_environment_is_handed_over() -> None:
    assert "hunter2" not in host_script({"AWS_SECRET_ACCESS_KEY": "hunter2", "PIP_INDEX_URL": "i"}, {}, {})


def test_the_bundle_that_the_machine_names_is_taken(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()

    assert ca_bundle({"SSL_CERT_FILE": str(bundle)}) == bundle


def test_apt_is_told_of_the_bundle_and_of_the_machines_proxy(
    programs: FakePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("apt-config", "echo 'Acquire::http::Proxy \"http://p:1\";'; echo 'APT::Architecture \"amd64\";'")
    monkeypatch.setattr(build_settings, "ca_bundle", lambda: tmp_path / "ca.pem")

    arguments = write_secrets(tmp_path)

    assert (tmp_path / "apt").read_text() == (
        'Acquire::http::Proxy "http://p:1";\nAcquire::https::CAInfo "/run/secrets/ca";\n'
    )
    assert f"--secret=id=ca,src={tmp_path / 'ca.pem'}" in arguments


def test_go_settings_are_those_of_the_machines_go(programs: FakePrograms, tmp_path: Path) -> None:
    programs.add("go", "echo http://modules.test; echo off; echo; echo; echo; echo")

    write_secrets(tmp_path)

    script = (tmp_path / "host").read_text()
    assert exported(script, "GOPROXY") == "http://modules.test" and exported(script, "GOSUMDB") == "off"
