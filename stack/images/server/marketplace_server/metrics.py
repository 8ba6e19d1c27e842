"""Every metric of the server in one table, because names and label sets are a contract with alerts and dashboards."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from . import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, for nothing

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds in seconds; 0.2 and 0.5 are the objectives for p95 and p99, so that no interpolation blurs them."""


class Metrics:
    """The server's registry and its instruments. Routes are templates and never paths, so cardinality is bounded."""

    def __init__(self, colour: str) -> None:
        """Make an own registry, so that two applications in one process (tests) do not share numbers."""
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests_total", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time from the request's head to the last byte of its answer.",
            ("method", "route"),
            buckets=_LATENCY,
            registry=registry,
        )
        self.in_progress = Gauge("http_requests_in_progress", "Requests being answered now.", registry=registry)
        self.connections = Gauge("http_active_connections", "Open client connections.", registry=registry)
        self.registrations = Counter("registrations_total", "Accounts made.", registry=registry)
        self.logins = Counter("logins_total", "Login attempts by outcome.", ("outcome",), registry=registry)
        self.listings = Counter("listings_created_total", "Listings made.", registry=registry)
        self.orders = Counter("orders_created_total", "Orders acknowledged.", registry=registry)
        self.replays = Counter(
            "orders_replayed_total", "Orders answered again under their Idempotency-Key.", registry=registry
        )
        self.refused = Counter("orders_refused_total", "Orders refused, by reason.", ("reason",), registry=registry)
        self.transitions = Counter(
            "escrow_state_transitions_total", "Order state changes.", ("from_state", "to_state"), registry=registry
        )
        self.settlements_refused = Counter(
            "settlements_refused_total", "Requests about an order's settlement refused, by reason.", ("reason",),
            registry=registry,
        )  # fmt: skip
        self.payouts = Counter("escrow_payouts_total", "Payouts confirmed by the chain.", ("kind",), registry=registry)
        self.deposits = Counter("escrow_deposits_total", "Deposits credited.", registry=registry)
        self.set_aside = Counter(
            "escrow_deposits_set_aside_total", "Deposits larger than the ledger can hold.", registry=registry
        )
        self.reorganised = Counter(
            "escrow_reorganised_total", "Deposits and payouts that the chain had and has no more.", ("what",),
            registry=registry,
        )  # fmt: skip
        self.escrow_failures = Counter(
            "escrow_step_failures_total", "Steps of the escrow worker that will be tried again.", ("step",),
            registry=registry,
        )  # fmt: skip
        self.escrow_leader = Gauge(
            "escrow_lease_held", "Whether this process acts for the escrows now.", registry=registry
        )
        self.escrow_round = Histogram(
            "escrow_round_seconds", "Time of one round of the escrow worker.", buckets=_LATENCY, registry=registry
        )
        self.escrow_active = Gauge("escrow_active", "Escrows that are not released or refunded.", registry=registry)
        self.escrow_locked = Gauge("escrow_locked_piconero", "Ledger balance held in escrow.", registry=registry)
        self.escrow_oldest = Gauge(
            "escrow_oldest_pending_seconds", "Age of the oldest escrow that waits for its deposit.", registry=registry
        )
        self.escrow_disputes = Gauge("escrow_disputes_open", "Orders in dispute.", registry=registry)
        self.lock_waits = Counter(
            "database_lock_waits_total", "Write transactions that found the database locked.", registry=registry
        )
        self.lock_wait = Histogram(
            "database_lock_wait_seconds", "Time until a write transaction had the lock.", registry=registry
        )
        self.commit = Histogram(
            "database_commit_seconds", "Time of a commit with its fsync.", buckets=_LATENCY, registry=registry
        )
        self.batch = Histogram(
            "database_batch_writes",
            "Writes that shared one commit.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=registry,
        )
        self.database_errors = Counter(
            "database_errors_total", "Writes, and batches of them, that failed.", registry=registry
        )
        self.sequence = Gauge("database_last_sequence", "Highest acknowledged sequence number.", registry=registry)
        self.wallet_reachable = Gauge(
            "wallet_reachable", "Whether the wallet or daemon answered when last asked.", ("wallet",), registry=registry
        )
        self.draining = Gauge("server_draining", "Whether the server is on its way out.", registry=registry)
        Gauge("server_build_info", "Version and colour.", ("version", "colour"), registry=registry).labels(
            __version__, colour
        ).set(1)

    def connections_from(self, count: Callable[[], int]) -> None:
        """Let the HTTP server itself say how many connections are open."""
        self.connections.set_function(lambda: float(count()))

    def render(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
