"""The edge refuses in the server's own words, so that a client needs one way to read errors, whoever tells them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from marketplace_server import errors
from marketplace_server.errors import ApiError

_FILE = Path(__file__).resolve().parents[2] / "stack/config/nginx/errors.conf"
_TOLD = re.findall(r"return (\d+) '(.+)\\n';", _FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "refusal",
    [
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.PayloadTooLarge,
        errors.TooManyRequests,
        errors.Unavailable,
    ],
)
def test_the_edge_tells_it_as_the_server_does(refusal: type[ApiError]) -> None:
    told = [json.loads(text.replace("\\'", "'")) for status, text in _TOLD if int(status) == refusal.status]

    expected = {"code": refusal.code, "message": refusal.message, "request_id": "$request_id"}
    assert told == [{"error": expected}]


def test_it_tells_nothing_else() -> None:
    assert len(_TOLD) == 5
