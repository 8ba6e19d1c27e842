"""Writes the compose file, Dockerfiles and nginx files that hold the static defects, one service each, and good ones beside them."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DIGEST = "@sha256:" + "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "image": f"registry.example/app:1.4.2{DIGEST}",
    "user": "10999:10999",
    "restart": "unless-stopped",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "64m",
    "cpus": 0.5,
    "pids_limit": 32,
    "command": ["serve"],
    "networks": ["inside"],
    "logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "1"}},
    "healthcheck": {
        "test": ["CMD", "curl", "-fsS", "http://localhost:8080/health"],
        "interval": "30s",
        "timeout": "3s",
    },
}
NGINX = """\
worker_processes 1;
events {{ worker_connections 64; }}
http {{
{http}
{tokens}
  server {{
    listen 8080 default_server;
    server_name shop.example;
{server}
  }}
}}
"""
# What looks like a defect and is none: nothing may react to these.
HARMLESS: dict[str, dict[str, Any]] = {
    "good": {},
    "good-edge": {"image": f"nginx:1.29.3{DIGEST}", "ports": ["443:443", "80:80"]},
    "good-loopback": {"ports": ["127.0.0.1:9200:9200", "[::1]:9200:9200"]},
    "good-secret-file": {"environment": {"DB_PASSWORD_FILE": "/run/secrets/db_password"}},
    "good-deploy": {
        "restart": None, "mem_limit": None, "cpus": None, "pids_limit": None,
        "deploy": {
            "restart_policy": {"condition": "any"},
            "resources": {"limits": {"memory": "64M", "cpus": "0.5", "pids": 32}},
        },
    },
}  # fmt: skip


@dataclass(frozen=True)
class Defect:
    """One seeded defect: what it is, the check that must catch it, and how many findings that check may make of it."""

    name: str
    what: str
    catches: str
    findings: int
    says: str
    also: tuple[str, ...]
    change: dict[str, Any]
    files: dict[str, str]


def defects() -> tuple[Defect, ...]:
    """Every static defect, as the table has it."""
    table = tomllib.loads(Path(__file__).with_name("static").joinpath("defects.toml").read_text())
    return tuple(_defect(row) for row in table["defect"])


def _defect(row: dict[str, Any]) -> Defect:
    name, change, files = row["name"], yaml.safe_load(row.get("change", "{}")), {}
    if "dockerfile" in row:
        files[f"{name}/Dockerfile"] = row["dockerfile"]
        change.setdefault("build", {})["context"] = f"./{name}"
    if "nginx_http" in row or "nginx_server" in row:
        http, server = row.get("nginx_http", ""), row.get("nginx_server", "    return 404;")
        tokens = "" if "server_tokens" in http else "  server_tokens off;"
        files[f"{name}/nginx.conf"] = NGINX.format(http=http, server=server, tokens=tokens)
        change["volumes"] = [f"./{name}/nginx.conf:/etc/nginx/nginx.conf:ro"]
    if "env_file" in row:
        files[f"{name}.env:{row.get('env_mode', 0o600):o}"] = row["env_file"]
        change["env_file"] = [f"./{name}.env"]
    return Defect(
        name,
        row["what"],
        row["catches"],
        row.get("findings", 1),
        row.get("says", ""),
        tuple(row.get("also", ())),
        change,
        files,
    )


def write(folder: Path, seeded: tuple[Defect, ...]) -> Path:
    """Write everything into a folder and return the compose file."""
    services = {name: _merged(change) for name, change in HARMLESS.items()}
    for defect in seeded:
        services[defect.name] = _merged(defect.change)
        for named, text in defect.files.items():
            path, _, mode = named.partition(":")
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            file.chmod(int(mode or "644", 8))
    compose = folder / "compose.yaml"
    compose.write_text(yaml.safe_dump({"name": "static", "services": services, "networks": {"inside": None}}))
    return compose


def _merged(change: dict[str, Any], over: dict[str, Any] | None = None) -> dict[str, Any]:
    merged = copy.deepcopy(GOOD if over is None else over)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict) and key != "healthcheck":
            merged[key] = _merged(value, merged[key])
        else:
            merged[key] = value
    return merged
