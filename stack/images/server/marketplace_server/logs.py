"""Structured logs: one JSON object a line, because a log that a machine can't read is found too late."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request being answered; logged with every line that is written on its behalf."""

_logger = logging.getLogger("marketplace")


class _JsonLines(logging.Formatter):
    """JSON escapes control characters, so no value can start a line of its own (log injection)."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "colour": self._colour,
        }
        if rid := request_id.get():
            line["request_id"] = rid
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0]:
            # The type and place, never the message: an exception's text may quote what a user sent.
            line["exception"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace and trace.tb_next:
                trace = trace.tb_next
            if trace:
                line["raised_at"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        return json.dumps(line, separators=(",", ":"), ensure_ascii=True, default=str)


def configure(colour: str) -> None:
    """Send this program's and uvicorn's logs to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(colour))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _logger.setLevel(logging.INFO)


def info(event: str, **fields: Any) -> None:
    """Log that something expected happened. Never pass a secret, a password or a token."""
    _logger.info(event, extra={"fields": fields})


def warning(event: str, **fields: Any) -> None:
    """Log that something is not as it should be, and the server goes on."""
    _logger.warning(event, extra={"fields": fields})


def failure(event: str, **fields: Any) -> None:
    """Log the exception being handled: its type and place."""
    _logger.error(event, extra={"fields": fields}, exc_info=sys.exception())
