"""Refuses every socket that leaves this machine, in the process that imports it.

`tests/conftest.py` imports it by path for pytest itself, and puts this folder on ``PYTHONPATH`` so that Python imports
it at the start of every child process. An audit hook sees the calls of C extensions too, and costs no import.
"""

import sys

_LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "::1"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # looked up by servers before they bind


class NetworkBlockedError(RuntimeError):
    """The code under test tried to leave this machine."""


def is_loopback(host: object) -> bool:
    """Whether a host, a name or a numeric address, is this machine itself."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)
    name = name.partition("%")[0].lower().removeprefix("::ffff:")
    parts = name.split(".")
    numeric = len(parts) == 4 and all(part.isdigit() for part in parts)
    return name in _LOCAL_NAMES or (numeric and parts[0] == "127")


def _refuse(event: str, target: object) -> None:
    raise NetworkBlockedError(f"{event} to {target!r}: the tests use no network but loopback")


def _guard(event: str, args: tuple[object, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        address = args[1]
        # An AF_UNIX address is a path, a connected socket's is None, and kernel families use numbers.
        if isinstance(address, tuple) and isinstance(address[0], (str, bytes)) and not is_loopback(address[0]):
            _refuse(event, address)
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        if not is_loopback(args[0]) and args[0] not in _WILDCARDS:
            _refuse(event, args[0])
    elif event == "socket.getnameinfo":
        address = args[0]
        if isinstance(address, tuple) and not is_loopback(address[0]) and address[0] not in _WILDCARDS:
            _refuse(event, address)


sys.addaudithook(_guard)
