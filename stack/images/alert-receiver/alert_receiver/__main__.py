"""Starts the receiver from its environment."""

import os
import sys
from pathlib import Path

import uvicorn

from .app import create_app


def main() -> int:
    """Run until told to stop. Exit codes: 0 stopped, 4 bad settings or a folder that can't be used."""
    try:
        seconds = float(os.environ.get("RECEIVER_WATCHDOG_SECONDS", "120"))
        port = int(os.environ.get("RECEIVER_PORT", "9095"))
        if not seconds > 0 or not 0 < port < 65536:
            raise ValueError
    except ValueError:
        print("RECEIVER_WATCHDOG_SECONDS and RECEIVER_PORT must be positive numbers.", file=sys.stderr)
        return 4
    folder = Path(os.environ.get("RECEIVER_DATA", "/data"))
    try:
        app = create_app(folder, seconds)
    except OSError as error:
        print(f"RECEIVER_DATA: cannot keep deliveries in {folder}: {error.strerror}.", file=sys.stderr)
        return 4
    uvicorn.run(
        app,
        host="0.0.0.0",  # the container's own network namespace: compose decides who reaches it
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
