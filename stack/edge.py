"""Speaks to a stack's edge as a browser would: by its name and with its certificate verified, wherever its ports landed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stack.errors import CannotTell

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Edge:
    """Where the edge answers on this host, and under which name."""

    address: str
    https_port: int | None
    http_port: int | None
    server_name: str
    ca_file: Path | None
    admin_port: int | None = None

    @property
    def url(self) -> str:
        """The base URL, by name; `session()` finds the way to the address."""
        return f"https://{self.server_name}"

    def session(self, *, timeout_seconds: float = 10, source: str | None = None) -> requests.Session:
        """A new requests session for the edge.

        URLs are logical: `https://<server_name>/…`, `http://<server_name>/…` or just a path. The connection goes to the
        edge's address and published port, with SNI, Host and certificate check by `server_name`. Environment proxies are
        ignored. `source` binds to one of this host's addresses. A request that names no timeout gets `timeout_seconds`.
        """
        return _session(self, timeout_seconds, source)

    def port_of(self, scheme: str) -> int:
        """The host's port for `https` or `http`.

        Raises:
            CannotTell: the edge publishes none.

        """
        port = self.https_port if scheme == "https" else self.http_port
        if port is None:
            message = f"the edge publishes no {scheme} port"
            raise CannotTell(message)
        return port


def _session(edge: Edge, timeout_seconds: float, source: str | None) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    class ToTheEdge(HTTPAdapter):
        """Sends what is meant for the name to the address, whatever the name resolves to."""

        def build_connection_pool_key_attributes(
            self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
        ) -> Any:  # the stubs know these as closed TypedDicts, urllib3 takes more keys than they list
            given: tuple[Any, Any] = super().build_connection_pool_key_attributes(request, verify, cert)
            host, pool = given
            host |= {"host": edge.address, "port": edge.port_of(host["scheme"])}
            if host["scheme"] == "https":
                pool |= {"server_hostname": edge.server_name, "assert_hostname": edge.server_name}
            if source:
                pool["source_address"] = (source, 0)
            return host, pool

        def add_headers(self, request: requests.PreparedRequest, **_: Any) -> None:
            # Without it urllib3 would name the address it connects to.
            request.headers.setdefault("Host", urlsplit(str(request.url)).netloc)

    class EdgeSession(requests.Session):
        """A session whose bare paths are the edge's."""

        def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
            text = url.decode() if isinstance(url, bytes) else url
            if text.startswith("/"):
                text = edge.url + text
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = timeout_seconds
            return super().request(method, text, *args, **kwargs)

    session = EdgeSession()
    session.trust_env = False
    session.verify = str(edge.ca_file) if edge.ca_file else True
    for scheme in ("https", "http"):
        session.mount(f"{scheme}://{edge.server_name}", ToTheEdge())
    return session
