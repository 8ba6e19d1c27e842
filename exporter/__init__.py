"""monero-exporter: wallets' and daemon's state as Prometheus metrics, because money that nobody watches goes missing."""

__version__ = "0.1.0"
