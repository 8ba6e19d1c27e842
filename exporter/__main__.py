"""Starts the exporter: `python -m exporter --config FILE`."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import __version__, server
from .collector import make_registry
from .config import Config, ConfigError


class _Parser(argparse.ArgumentParser):
    """Leaves with 4, as the module does for all bad input: argparse's own 2 is what an interrupted run ends with."""

    def error(self, message: str) -> NoReturn:
        self.exit(4, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop. Exit codes: 0 stopped, 1 cannot listen, 4 bad configuration or options."""
    parser = _Parser(prog="monero-exporter", description="Monero wallets as Prometheus metrics.")
    parser.add_argument("--config", type=Path, default=Path("/etc/monero-exporter/exporter.toml"), help="TOML file")
    parser.add_argument("--check", action="store_true", help="read the configuration, say whether it is good, and stop")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    options = parser.parse_args(argv)
    try:
        config = Config.load(options.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 4
    if options.check:
        print(f"{options.config}: {len(config.wallets)} wallets, {'a' if config.daemon else 'no'} daemon.")
        return 0
    registry, collector = make_registry(config)
    try:
        listener = server.make(config.address, config.port, registry, len(config.wallets))
    except OSError as error:
        print(f"Cannot listen on {config.address}:{config.port}: {error.strerror}.", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serving = threading.Thread(target=listener.serve_forever, daemon=True)
    serving.start()
    stop.wait()
    listener.shutdown()
    listener.server_close()
    collector.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
