"""Open-model load, run as a process of its own (locust patches whatever imports it)."""
