"""What Schemathesis has to be told about the marketplace: who asks for what, and what a Monero address looks like.

Loaded by the `st` process that tests/server/conformance.py starts, and by nothing else.
"""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

ADDRESSES = (
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
)
"""A standard address and a subaddress, as published by the Monero project (for its donations)."""
_SELLS = {"listings_create", "settlement_ship", "settlement_refund"}
_LEAVES = {"accounts_logout"}
_KNOWN: dict[str, str] = json.loads(os.environ["SEATRIAL_KNOWN"])

schemathesis.openapi.format("monero-address", st.sampled_from(ADDRESSES))


@schemathesis.auth(refresh_interval=None)  # who asks depends on what is asked: nothing to keep
class Sessions:
    """Vendors sell, buyers buy, and whoever logs out does it with a session that nobody else needs."""

    def __init__(self) -> None:
        self._tokens: dict[str, list[str]] = json.loads(os.environ["SEATRIAL_TOKENS"])

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        """Answer the token that a request is made with. Sessions for leaving run out; then the last one is dead."""
        who = case.operation.definition.raw["operationId"]
        if who in _LEAVES:
            leaving = self._tokens["leaves"]
            return leaving.pop() if len(leaving) > 1 else leaving[0]
        return self._tokens["sells" if who in _SELLS else "buys"][0]

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        """Send it."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Name a thing that there is, every other time: an invented id is answered 404, whatever else was said."""
    subject = str(context.operation.path).removeprefix("/api/").partition("/")[0] if context.operation else ""
    if isinstance(path_parameters, dict) and subject in _KNOWN and len(str(path_parameters.get("id"))) % 2:
        return {**path_parameters, "id": _KNOWN[subject]}
    return path_parameters


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Write whole amounts as whole numbers: to JSON Schema 1.0 is an integer, to money it is a mistake on its way."""
    if isinstance(body, dict) and isinstance(price := body.get("price_piconero"), float) and price.is_integer():
        return {**body, "price_piconero": int(price)}
    return body
