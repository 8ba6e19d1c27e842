"""Tells the edge where each colour is, by its fixed address: a shop must not close because nobody answers for names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stack.compose import load_project
from stack.files import write_whole
from stack.project import COMPOSE_FILE

FILE = "colours.conf"
_NETWORK = "edge"
_PORT = 8000
_HEAD = "# Where each colour is, written by `python -m stack up` from compose.yaml. nginx takes these names before it asks for one.\n"


def upstreams(services: Mapping[str, Any]) -> str:
    """The nginx text: an `upstream` for every service that compose.yaml (as rendered) gives a fixed address behind the edge."""
    addresses = {
        name: (service.get("networks") or {}).get(_NETWORK) or {}
        for name, service in sorted(services.items())
        if name.startswith("server-")
    }
    blocks = [
        f"upstream {name} {{ server {told['ipv4_address']}:{_PORT}; }}\n"
        for name, told in addresses.items()
        if told.get("ipv4_address")
    ]
    return _HEAD + "".join(blocks)


def write(edge: Path, env: Mapping[str, str]) -> None:
    """Put the file into the folder that is mounted at the edge; `env` is what compose.yaml is rendered with.

    Left alone when it says that already.
    """
    declared = load_project([COMPOSE_FILE], env=os.environ | dict(env))
    file, text = edge / FILE, upstreams(declared.tree["services"])
    if not file.exists() or file.read_text("utf-8") != text:
        write_whole(file, text, mode=0o644)
