"""The corpus of compose files on which our renderer and `docker compose config` must agree, and how what they say is compared.

`python -m tests.corpus.rendering` writes docker compose's answers beside the files (`rendered.json`), so that a machine without it
still holds our renderer to them; where it is installed, the test holds the written answers to what it says today.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stack.compose import Declared, load_project

AGREE = Path(__file__).parent / "agree"
CASES = {
    folder.name: sorted(path for path in folder.iterdir() if path.name.startswith("compose"))
    for folder in sorted(AGREE.iterdir())
    if folder.is_dir()
}
# compose prunes what no service uses; we keep it, because an unused secret is still a secret
SECTIONS = ("networks", "volumes", "secrets", "configs")
#: Nothing of whoever runs the test reaches a file of the corpus.
BARE = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def has_compose() -> bool:
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    )


def ours(files: list[Path], env: Mapping[str, str] = BARE) -> Declared:
    return load_project(files, env=env)


def theirs(files: list[Path], env: Mapping[str, str] = BARE) -> dict[str, Any]:
    """What docker compose makes of the files; raises CalledProcessError when it refuses them."""
    words = [word for file in files for word in ("--file", str(file))]
    argv = ["docker", "compose", *words, "config", "--format", "json"]
    said = subprocess.run(argv, env=dict(env), capture_output=True, text=True, check=True, timeout=60)
    tree: dict[str, Any] = meaning(_unescaped(json.loads(said.stdout)))
    return tree


def compared(declared: Declared, with_: Mapping[str, Any]) -> dict[str, Any]:
    """Our rendering in the shape of theirs: active services, and of the other sections what theirs names."""
    active = {name: config for name, config in declared.tree["services"].items() if name not in declared.idle}
    made: dict[str, Any] = {"name": declared.project, "services": meaning(active)}
    for section in SECTIONS:
        if section in with_:
            made[section] = {key: meaning(declared.tree[section].get(key)) for key in with_[section]}
    return made


def meaning(value: Any) -> Any:
    """What a rendered value says: absent, null, false and empty mean the same, and extensions mean nothing."""
    if isinstance(value, dict):
        items = ((key, meaning(item)) for key, item in value.items() if not str(key).startswith("x-"))
        return {key: item for key, item in items if item not in (None, {}, [], False)}
    return [meaning(item) for item in value] if isinstance(value, list) else value


def _unescaped(value: Any) -> Any:
    """`$$` is how compose writes `$`."""
    if isinstance(value, dict):
        return {key: _unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def golden(case: str) -> dict[str, Any]:
    """The answer that was written down, with this machine's paths."""
    text = (AGREE / case / "rendered.json").read_text(encoding="utf-8")
    tree: dict[str, Any] = json.loads(text.replace("{corpus}", str(AGREE)).replace("{home}", str(Path.home())))
    return tree


def write() -> None:
    """Write down what docker compose says of every case."""
    for case, files in CASES.items():
        text = json.dumps(theirs(files), indent=1, sort_keys=True, ensure_ascii=False)
        text = text.replace(str(AGREE), "{corpus}").replace(str(Path.home()), "{home}")
        (AGREE / case / "rendered.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
