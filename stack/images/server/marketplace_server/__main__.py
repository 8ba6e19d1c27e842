"""Starts the server, and ends it gracefully: whoever was being answered at SIGTERM gets the answer."""

import asyncio
import gc
import sys
from types import FrameType

import uvicorn

from . import logs
from .app import create_app
from .connection import DatabaseUnavailable
from .context import Context
from .settings import Settings, SettingsError


class DrainingServer(uvicorn.Server):
    """Goes on answering for a moment after SIGTERM, each answer with `Connection: close`.

    So a proxy's pooled connections end between requests and not under one. A second signal ends at once.
    """

    def __init__(self, config: uvicorn.Config, parts: Context) -> None:
        """Take the parts whose `draining` flag to raise."""
        super().__init__(config)
        self._parts = parts

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; at the second signal, or when the time is over, uvicorn's own shutdown follows."""
        if self._parts.draining[0]:
            self.force_exit = self.should_exit
            self.should_exit = True
            return
        self._parts.draining[0] = True
        self._parts.metrics.draining.set(1)
        logs.info("draining", signal=sig)
        loop = asyncio.get_running_loop()
        # From a signal handler only the thread-safe call wakes the loop.
        loop.call_soon_threadsafe(loop.call_later, self._parts.settings.drain_seconds, self._stop)

    def _stop(self) -> None:
        # Not super().handle_exit: it would raise the signal again after a clean end, and 143 looks like a failure.
        self.should_exit = True


def main() -> int:
    """Run until told to stop. Exit codes: 0 stopped, 1 failed, 4 bad settings or a database that does not open."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 4
    logs.configure(settings.colour)
    app = create_app(settings)
    parts: Context = app.state.context
    try:
        parts.database.start()
    except DatabaseUnavailable as error:
        print(f"{str(error)[:1].upper()}{str(error)[1:]}.", file=sys.stderr)
        return 4
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,  # longer than the edge's 60 s, so that the edge is the one to close idle connections
        timeout_graceful_shutdown=8,  # compose kills after 10
    )
    server = DrainingServer(config, parts)
    parts.metrics.connections_from(lambda: len(server.server_state.connections))
    gc.freeze()  # what start-up made lives for ever: collecting through it again would only add to the tail latency
    server.run()
    logs.info("stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
