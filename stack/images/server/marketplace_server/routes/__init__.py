"""The HTTP interface, one file a subject; `ROUTES` is the whole table."""

from starlette.routing import Route

from . import accounts, description, listings, operations, orders, settlement

ROUTES: list[Route] = [
    Route("/api/register", accounts.register, methods=["POST"]),
    Route("/api/login", accounts.login, methods=["POST"]),
    Route("/api/logout", accounts.logout, methods=["POST"]),
    Route("/api/listings", listings.search, methods=["GET"]),
    Route("/api/listings", listings.create, methods=["POST"]),
    Route("/api/listings/{id}", listings.get, methods=["GET"]),
    Route("/api/listings/{id}/order", orders.place, methods=["POST"]),
    Route("/api/orders", orders.mine, methods=["GET"]),
    Route("/api/orders/{id}", orders.get, methods=["GET"]),
    Route("/api/orders/{id}/ship", settlement.ship, methods=["POST"]),
    Route("/api/orders/{id}/release", settlement.release, methods=["POST"]),
    Route("/api/orders/{id}/dispute", settlement.dispute, methods=["POST"]),
    Route("/api/orders/{id}/resolve", settlement.resolve, methods=["POST"]),
    Route("/api/orders/{id}/refund", settlement.refund, methods=["POST"]),
    Route("/health", operations.health, methods=["GET"]),
    Route("/ready", operations.ready, methods=["GET"]),
    Route("/metrics", operations.metrics, methods=["GET"]),
]
ROUTES.append(description.described(ROUTES))
