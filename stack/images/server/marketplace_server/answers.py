"""Answers as JSON by pydantic's own serialiser, which is several times the standard library's speed."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response


def answer(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON answer."""
    return Response(to_json(content), status, headers, media_type="application/json")
