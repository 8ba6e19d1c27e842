"""Our renderer and `docker compose config` must say the same of a corpus, so that a check's verdict doesn't hang on which read the file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack.compose import load_project

CORPUS = Path(__file__).parent / "corpus"
STACK = Path(__file__).resolve().parents[2] / "stack"
CASES = {folder.name: sorted(folder.glob("compose*.yaml")) for folder in sorted(CORPUS.iterdir()) if folder.is_dir()}
CASES["reference-stack"] = [STACK / "compose.yaml"]
CASES |= {
    f"reference-stack-{name}": [STACK / "compose.yaml", STACK / f"compose.{name}.yaml"]
    for name in ("blue-green", "drill")
}
# compose prunes what no service uses; we keep it, because an unused secret is still a secret
SECTIONS = ("networks", "volumes", "secrets", "configs")


def has_compose() -> bool:
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    )


def meaning(value: Any) -> Any:
    """What a rendered value says: absent, null, false and empty mean the same, and `$$` is how compose writes `$`."""
    if isinstance(value, dict):
        items = ((key, meaning(item)) for key, item in value.items() if not str(key).startswith("x-"))
        return {key: item for key, item in items if item not in (None, {}, [], False)}
    return [meaning(item) for item in value] if isinstance(value, list) else value


def unescaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed here, so there is nothing to agree with")
@pytest.mark.parametrize("name", sorted(CASES))
def test_both_renderers_agree(name: str) -> None:
    files = CASES[name]
    argv = [
        "docker",
        "compose",
        *(word for file in files for word in ("--file", str(file))),
        "config",
        "--format",
        "json",
    ]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)

    ours = load_project(files)

    theirs = meaning(unescaped(json.loads(said.stdout)))
    active = {key: value for key, value in ours.tree["services"].items() if key not in ours.idle}
    assert meaning(active) == theirs["services"]
    assert ours.project == theirs["name"]
    for section in SECTIONS:
        used = theirs.get(section, {})
        assert {key: meaning(ours.tree[section][key]) for key in used} == used


# Each is refused by docker compose too (the test below holds both to it).
REFUSED = {
    "no services": ("services: {}\n", "declares no services"),
    "unknown key": ("services:\n  a:\n    image: x\n    imagee: y\n", "compose.yaml:4: services.a: unknown key 'imagee'"),
    "unknown top level": ("servces:\n  a: {image: x}\n", "compose.yaml:1: unknown key 'servces' (did you mean 'services'?)"),
    "undefined network": ("services:\n  a: {image: x, networks: [nope]}\n", "there is no network 'nope'"),
    "undefined volume": ("services:\n  a:\n    image: x\n    volumes: [vol:/v]\n", "compose.yaml:4: services.a.volumes: there is no volume 'vol'"),
    "undefined dependency": ("services:\n  a: {image: x, depends_on: [b]}\n", "there is no service 'b'"),
    "circle": (
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
        "services depend on each other in a circle: a → b → a",
    ),
    "neither image nor build": ("services:\n  a: {command: x}\n", "compose.yaml:2: services.a has neither an image nor a build"),
    "required variable": ("services:\n  a:\n    image: ${X:?say which}\n", "compose.yaml:3: services.a.image: the variable X is required"),
    "open brace": ("services:\n  a: {image: '${X'}\n", "has no closing brace"),
    "extends missing": ("services:\n  a: {image: x, extends: {service: b}}\n", "has no service 'b'"),
    "extends itself": ("services:\n  a: {image: x, extends: {service: a}}\n", "extends itself"),
    "extends file missing": ("services:\n  a: {image: x, extends: {service: b, file: nope.yaml}}\n", "nope.yaml is not there"),
    "include missing": ("include: [nope.yaml]\nservices:\n  a: {image: x}\n", "compose.yaml:1: include:"),
    "include circle": ("include: [compose.yaml]\nservices:\n  a: {image: x}\n", "includes itself"),
    "env file missing": ("services:\n  a:\n    image: x\n    env_file: nope.env\n", "compose.yaml:4: services.a.env_file:"),
    "bad port": ("services:\n  a:\n    image: x\n    ports: ['80:99999']\n", "compose.yaml:4: services.a.ports has a port outside 1-65535"),
    "port ranges": ("services:\n  a: {image: x, ports: ['80-82:80-81']}\n", "port ranges of different lengths"),
    "ports not a list": ("services:\n  a: {image: x, ports: 80}\n", "services.a.ports must be a list"),
    "service not a mapping": ("services:\n  a: text\n", "compose.yaml:2: the service 'a' must be a mapping, not a text"),
    "services not a mapping": ("services: [a]\n", "compose.yaml:1: 'services' must be a mapping of names"),
    "bad duration": ("services:\n  a: {image: x, healthcheck: {test: t, interval: soon}}\n", "is no duration such as 30s: 'soon'"),
    "bad size": ("services:\n  a: {image: x, mem_limit: lots}\n", "is no size such as 64m: 'lots'"),
    "duplicate key": ("services:\n  a:\n    image: x\n    image: y\n", "compose.yaml:4: the key 'image' stands twice (first in line 3)"),
    "not YAML": ("services:\n  a: [\n", "not valid YAML"),
    "a list": ("- a\n", "not a compose file: its top level must be a mapping"),
    "empty": ("", "is empty"),
    "binary": ("a: \x00\n", "not valid YAML"),
    "hostile name": ("services:\n  '../../etc': {image: x}\n", "can't be the name of a service"),
    "circular anchor": ("services: &s\n  a: {image: x, labels: *s}\n", "an anchor contains itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bad_files_are_refused_in_one_sentence_with_their_place(name: str, tmp_path: Path) -> None:
    from stack.errors import UserError

    text, expected = REFUSED[name]
    file = tmp_path / "compose.yaml"
    file.write_text(text)

    with pytest.raises(UserError) as refused:
        load_project([file], env={})

    sentence = str(refused.value)
    assert expected in sentence
    assert sentence.startswith(str(file))
    assert "\n" not in sentence


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed here, so there is nothing to agree with")
@pytest.mark.parametrize("name", sorted(set(REFUSED) - {"no services"}))  # compose renders a project of nothing
def test_docker_compose_refuses_them_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(REFUSED[name][0])

    said = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=tmp_path, capture_output=True, check=False, timeout=60
    )

    assert said.returncode != 0
