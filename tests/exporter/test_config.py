"""A bad configuration is one sentence that says where."""

from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.config import Config, ConfigError

GOOD = """
timeout_seconds = 2
[daemon]
url = "http://monerod:18081"
[[wallets]]
name = "buyer"
url = "http://buyer:18082/"
username = "seatrial"
password_file = "{folder}/password"
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "password").write_text("s3cret\n")
    path = folder / "exporter.toml"
    path.write_text(text.replace("{folder}", str(folder)))
    return path


def test_a_good_file_is_read_with_the_password_from_its_file(tmp_path: Path) -> None:
    config = Config.load(_write(tmp_path, GOOD))

    assert (config.wallets[0].name, config.wallets[0].url, config.wallets[0].password) == (
        "buyer",
        "http://buyer:18082",
        "s3cret",
    )
    assert config.daemon is not None
    assert config.timeout_seconds == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("timeout_seconds = 2", "timeout = 2", "unknown key 'timeout'"),
        ("timeout_seconds = 2", 'timeout_seconds = "2"', "timeout_seconds must be a number"),
        ("timeout_seconds = 2", "timeout_seconds = 0", "timeout_seconds must be a number"),
        ("timeout_seconds = 2", "timeout_seconds = nan", "timeout_seconds must be a number"),
        ("timeout_seconds = 2", "port = 70000", "port must be a number"),
        ("timeout_seconds = 2", "timeout_seconds =", "not valid TOML"),
        ("[[wallets]]", "[wallets]", "at least one"),
        ('name = "buyer"', "", "name must be a text"),
        ('name = "buyer"', 'nme = "buyer"', "unknown key 'nme'"),
        ("http://buyer:18082/", "ftp://buyer", "url must be"),
        ("http://buyer:18082/", "http://u:p@buyer", "url must be"),
        ("http://buyer:18082/", "http://buyer:x", "url must be"),
        ("http://buyer:18082/", "http://[", "url must be"),
        ("{folder}/password", "{folder}/nowhere", "cannot read password_file"),
        ("{folder}/password", "/dev/null", "is empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    path = _write(tmp_path, GOOD.replace(old, new))

    code = main(["--config", str(path)])

    printed = capsys.readouterr().err
    assert code == 4
    assert told in printed
    assert printed.count("\n") == 1


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    text = GOOD + GOOD[GOOD.index("[[wallets]]") :]

    with pytest.raises(ConfigError, match="'buyer' is used twice"):
        Config.load(_write(tmp_path, text))


def test_an_option_that_is_none_leaves_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--nope"])

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_check_says_that_a_file_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(_write(tmp_path, GOOD)), "--check"]) == 0
    assert "1 wallets, a daemon" in capsys.readouterr().out


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = _write(tmp_path, GOOD.replace("timeout_seconds = 2", f'address = "127.0.0.1"\nport = {port}'))

        assert main(["--config", str(path)]) == 1

    assert f"Cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
