"""Failover: what breaks comes back by itself, and meanwhile what must serve serves."""
