"""The proxy that the environment names for an address: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from mmbench.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where calls go first."""

    url: str
    """Its address, without name and password."""
    login: tuple[str, str] | None = field(default=None, repr=False)
    """Name and password that it asks for."""

    def headers(self) -> dict[str, str]:
        """What the proxy alone is told: the login, where it has one.

        aiohttp sends this ``Authorization`` as ``Proxy-Authorization``, by whichever way the call passes the proxy.
        """
        if self.login is None:
            return {}
        return {"Authorization": f"Basic {b64encode(':'.join(self.login).encode()).decode()}"}


def proxy_for(url: str) -> Proxy | None:
    """The proxy for an address; None where the environment names none, or excludes the host (``NO_PROXY``).

    The HTTP library's own reading of the environment is not used: it would also send the login that ``~/.netrc`` has for
    the host. Raises `UsageError`, which shows no password, for a proxy that HTTP cannot speak to.
    """
    parts = urlsplit(url)
    found = getproxies()
    given = found.get(parts.scheme) or found.get("all")
    if not given or proxy_bypass(parts.netloc):
        return None
    proxy = urlsplit(given if "://" in given else f"http://{given}")
    try:
        host, port = proxy.hostname, proxy.port
    except ValueError:
        host, port = None, None
    if proxy.scheme not in ("http", "https") or not host:
        raise UsageError(
            f"the proxy that the environment names for {url} is none that HTTP goes through (http://HOST:PORT); "
            f"to do without: NO_PROXY={parts.hostname}"
        )
    shown = f"[{host}]" if ":" in host else host
    login = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    return Proxy(f"{proxy.scheme}://{shown}" + ("" if port is None else f":{port}"), login)
