"""Run at the start of every kernel under test: refuses any connection but to this machine itself. (pytest-socket closes
pytest's own process alone.)"""

import ipaddress
import socket


class NetworkClosed(OSError):
    pass


def refuse(address):
    host = address[0] if isinstance(address, tuple) else address
    if not isinstance(address, tuple) or host in ("localhost", "", None):  # a Unix socket, or this machine
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:  # a name: looking it up already leaves the machine
        pass
    raise NetworkClosed(f"A notebook under test may not reach {host}: the course runs offline.")


def closed(name, address_of):
    original = getattr(socket.socket, name)

    def method(self, *args):
        refuse(address_of(args))
        return original(self, *args)

    setattr(socket.socket, name, method)


def closed_lookup(host, *args, original=socket.getaddrinfo, **options):
    refuse((host.decode() if isinstance(host, bytes) else host,))
    return original(host, *args, **options)


for name in ("connect", "connect_ex", "sendto"):
    closed(name, lambda args: args[-1])
socket.getaddrinfo = closed_lookup
