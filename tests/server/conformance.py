"""Holds a running marketplace to its own description with Schemathesis, as a process: `st run`, a seed, and its report."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.clients.market import HasSession, Market
from tests.server.process import ROOT

_LEAVERS = 4
"""Sessions that end by logging out; few, since the edge limits logins."""


@dataclass(frozen=True)
class Conformance:
    """What came of it: 0 is conformity, 1 a failure; `said` is all that it printed."""

    code: int
    said: str

    @property
    def summary(self) -> str:
        """The numbers, in a line each."""
        return self.said.partition(" SUMMARY ")[2].strip("= \n")


def tokens(market: Market) -> dict[str, list[str]]:
    """Make a vendor, a buyer, and sessions that can be ended."""

    def session() -> str:
        made = market.register(f"described-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
        return market.login(made.username, made.password).token

    return {"sells": [session()], "buys": [session()], "leaves": [session() for _ in range(_LEAVERS)]}


def conformance(
    url: str,
    *arguments: str,
    target: str | HasSession | None = None,
    examples: int = 8,
    folder: Path,
    description: Any,
) -> Conformance:
    """Ask everything that a description describes, the same questions each time.

    `target` is how our own client gets there, where that is another way than by the URL. Further `arguments` are for `st run`.
    """
    market = Market(target or url)
    made = tokens(market)
    item = market.list_for_sale(made["sells"][0], title="Sextant", description="", price_piconero=10**12)
    order = market.order(made["buys"][0], item.id, key=secrets.token_hex(16))
    market.close()
    # From a file, since an address that it is read from is left out of what is asked.
    (folder / "openapi.json").write_text(json.dumps(description))
    st = [
        str(Path(sys.executable).with_name("st")), "run", "openapi.json", "--url", url, "--checks", "all",
        "--seed", "1", "--max-examples", str(examples), "--no-color", "--request-timeout", "30",
        "--suppress-health-check", "all", *arguments,
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.server.schemathesis_hooks",
        "SEATRIAL_TOKENS": json.dumps(made),
        "SEATRIAL_KNOWN": json.dumps({"listings": item.id, "orders": order.id}),
    }
    # In a folder of its own: it keeps what failed beside where it is started, and would try that first next time.
    done = subprocess.run(st, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return Conformance(done.returncode, done.stdout + done.stderr)
