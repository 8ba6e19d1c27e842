"""Why: a rule over nginx files sees only what is found of them, so every way they come into a container is tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.errors import CannotTell
from stack.model import Stack
from suites.security.nginx_files import DEFAULT_MAIN, MOST_FILES, Configuration, configuration_of, includes
from suites.security.rules import nginx_lint

ROOT = Path(__file__).parents[3]
MAIN = "events {}\nhttp {\n  include conf.d/*.conf;\n}\n"
SITE = "server {\n  listen 8080;\n  server_tokens off;\n  location = /status { stub_status; }\n}\n"


def configuration(folder: Path, service: str, files: dict[str, str], more: str = "") -> Configuration | None:
    """The configuration of the service `web` declared so, in a folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    compose = folder / "compose.yaml"
    compose.write_text(f"services:\n  web: {service}\n{more}")
    stack = Stack.load([compose])
    return configuration_of(stack, stack.service("web"))


def found(folder: Path, service: str, files: dict[str, str], more: str = "") -> dict[str, str]:
    """Which file here stands at which path there."""
    read = configuration(folder, service, files, more)
    assert read is not None
    return {path: str(place.relative_to(folder)) for path, place in read.places.items()}


def test_a_folder_is_mounted(tmp_path: Path) -> None:
    service = "{image: nginx, volumes: ['./nginx:/etc/nginx:ro']}"

    assert found(
        tmp_path, service, {"nginx/nginx.conf": MAIN, "nginx/conf.d/a.conf": SITE, "nginx/conf.d/b.txt": "x"}
    ) == {
        "/etc/nginx/nginx.conf": "nginx/nginx.conf",
        "/etc/nginx/conf.d/a.conf": "nginx/conf.d/a.conf",
    }


def test_files_are_mounted_one_by_one(tmp_path: Path) -> None:
    service = (
        "{image: nginx, volumes: ['./main.conf:/etc/nginx/nginx.conf:ro', './site.conf:/etc/nginx/conf.d/x.conf:ro']}"
    )

    assert found(tmp_path, service, {"main.conf": MAIN, "site.conf": SITE}) == {
        "/etc/nginx/nginx.conf": "main.conf",
        "/etc/nginx/conf.d/x.conf": "site.conf",
    }


def test_only_parts_are_mounted_and_stand_in_what_the_official_image_has_around_them(tmp_path: Path) -> None:
    read = configuration(
        tmp_path, "{image: nginx, volumes: ['./conf.d:/etc/nginx/conf.d:ro']}", {"conf.d/a.conf": SITE}
    )

    assert read is not None
    assert read.main == DEFAULT_MAIN
    assert set(read.texts) == {DEFAULT_MAIN, "/etc/nginx/conf.d/a.conf"}
    assert set(read.places) == {"/etc/nginx/conf.d/a.conf"}


def test_templates_become_what_they_are_written_to(tmp_path: Path) -> None:
    service = "{image: nginx, volumes: ['./templates:/etc/nginx/templates:ro']}"

    assert found(tmp_path, service, {"templates/site.conf.template": SITE}) == {
        "/etc/nginx/conf.d/site.conf": "templates/site.conf.template"
    }


def test_a_config_of_compose_is_a_file(tmp_path: Path) -> None:
    service = "{image: nginx, configs: [{source: main, target: /etc/nginx/nginx.conf}]}"

    assert found(tmp_path, service, {"main.conf": "events {}\n"}, "configs: {main: {file: ./main.conf}}\n") == {
        "/etc/nginx/nginx.conf": "main.conf"
    }


def test_a_dockerfile_copies_files_and_folders(tmp_path: Path) -> None:
    dockerfile = (
        "FROM nginx\nCOPY --chown=0:0 nginx.conf /etc/nginx/\nCOPY sites /etc/nginx/conf.d\nCOPY --from=x /a /b\n"
    )
    files = {"edge/Dockerfile": dockerfile, "edge/nginx.conf": MAIN, "edge/sites/a.conf": SITE}

    assert found(tmp_path, "{build: ./edge}", files) == {
        "/etc/nginx/nginx.conf": "edge/nginx.conf",
        "/etc/nginx/conf.d/a.conf": "edge/sites/a.conf",
    }


def test_another_main_file_is_named_on_the_command_line(tmp_path: Path) -> None:
    service = "{image: x, command: [nginx, -c, /srv/own.conf], volumes: ['./own.conf:/srv/own.conf']}"

    assert found(tmp_path, service, {"own.conf": "events {}\n"}) == {"/srv/own.conf": "own.conf"}


def test_a_service_without_any_has_none(tmp_path: Path) -> None:
    assert configuration(tmp_path, "{image: nginx}", {}) is None
    assert configuration(tmp_path, "{image: nginx, volumes: ['./html:/usr/share/nginx/html']}", {"html/a": ""}) is None


def test_what_is_included_and_not_here_is_said_but_for_what_nginx_ships(tmp_path: Path) -> None:
    main = "events {}\nhttp {\n  include mime.types;\n  include /run/made/active.conf;\n  include none/*.conf;\n}\n"
    read = configuration(tmp_path, "{image: nginx, volumes: ['./n:/etc/nginx']}", {"n/nginx.conf": main})

    assert read is not None
    assert read.absent == ("/run/made/active.conf",)


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    files = {"n/nginx.conf": "include a.conf;\n", "n/a.conf": "include /etc/nginx/nginx.conf;\n"}

    assert len(found(tmp_path, "{image: nginx, volumes: ['./n:/etc/nginx']}", files)) == 2


def test_more_files_than_any_configuration_has_can_not_be_told(tmp_path: Path) -> None:
    files = {f"n/conf.d/{number}.conf": "" for number in range(MOST_FILES + 1)} | {"n/nginx.conf": MAIN}

    with pytest.raises(CannotTell, match="more than"):
        configuration(tmp_path, "{image: nginx, volumes: ['./n:/etc/nginx']}", files)


def test_includes_in_comments_are_none() -> None:
    assert includes("# include a.conf;\ninclude 'b.conf'; include\n  \"c.conf\";") == ["b.conf", "c.conf"]


SERVER = """events {}
http { server_tokens off; server { listen 443 ssl; server_name a.example; ssl_certificate /c; ssl_certificate_key /k;
add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always; %s return 404; } }
"""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("ssl_protocols TLSv1.2 TLSv1.3;", []),
        (
            "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;",
            [],
        ),
        ("", ["No ssl_protocols directive found."]),
        ("ssl_protocols TLSv1.1 TLSv1.2;", ["Insecure protocols enabled: TLSv1.1."]),
        ("ssl_protocols TLSv1.2; ssl_ciphers DES-CBC3-SHA;", ["Weak"]),
    ],
)
def test_nginx_own_default_of_suites_is_no_finding_and_old_protocols_and_weak_suites_are(
    lines: str, said: list[str]
) -> None:
    found = nginx_lint.audit("/n.conf", {"/n.conf": SERVER % lines})

    assert {issue.rule for issue in found} <= {"weak_ssl_tls"}
    assert len(found) == len(said)
    assert all(issue.text.startswith(text) for issue, text in zip(found, said, strict=True))


def test_a_finding_in_an_included_file_names_that_file_and_its_line() -> None:
    texts = {"/etc/nginx/nginx.conf": MAIN.replace("conf.d", "/etc/nginx/conf.d"), "/etc/nginx/conf.d/a.conf": SITE}

    (issue,) = nginx_lint.audit("/etc/nginx/nginx.conf", texts)

    assert (issue.rule, issue.path, issue.line) == ("status_page_exposed", "/etc/nginx/conf.d/a.conf", 4)


@pytest.mark.parametrize("text", ["http {", "server { location / { }", 'add_header "x'])
def test_a_file_that_is_no_configuration_can_not_be_told(text: str) -> None:
    with pytest.raises(CannotTell, match="gixy-ng can't read it"):
        nginx_lint.audit("/etc/nginx/nginx.conf", {"/etc/nginx/nginx.conf": text})


def test_one_file_that_can_not_be_read_is_one_inconclusive_check(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("http {")
    (tmp_path / "compose.yaml").write_text(
        "services:\n  web: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/nginx.conf:ro']}\n"
    )
    argv = [sys.executable, "-m", "pytest", "suites/security/test_nginx.py", "-q", "-p", "no:cacheprovider"]
    argv += ["--compose-file", str(tmp_path / "compose.yaml"), "--reports", str(tmp_path / "reports")]
    subprocess.run(argv, cwd=ROOT, env=os.environ, capture_output=True, timeout=120, check=False)

    results = json.loads((tmp_path / "reports" / "latest" / "results.json").read_text())["results"]
    outcomes = [one["outcome"] for one in results]
    assert sorted(set(outcomes)) == ["INCONCLUSIVE", "NOT_APPLICABLE"]
    assert outcomes.count("INCONCLUSIVE") == 1
