"""monero-exporter: wallet metrics for Prometheus. Stands alone: imports nothing of Seatrial."""
