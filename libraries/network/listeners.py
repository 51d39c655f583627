"""Stands for what is outside of the cluster: ports on this machine's own addresses, for pods to try."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
import sys
from collections.abc import Sequence

from robot.api.deco import keyword, library

SIOCGIFADDR = 0x8915  # netdevice(7): an interface's IPv4 address
NAME_BYTES = 40  # struct ifreq


@library(scope="GLOBAL")
class Listeners:
    """Listens on this machine. The kernel accepts connections by itself; nobody reads what is sent."""

    def __init__(self) -> None:
        """Open nothing."""
        self._open: list[socket.socket] = []

    @keyword
    def open_listeners(self, port: int, excluded: Sequence[str] = ()) -> list[tuple[str, int]]:
        """Listen on every IPv4 address of this machine but loopback and those excluded.

        Port 0 takes a free one. Returns address and port of each, without those where the port is taken.
        """
        found = []
        for address in own_addresses():
            if address in excluded:
                continue
            try:
                listener = socket.create_server((address, port))
            except OSError:
                continue
            self._open.append(listener)
            found.append((address, int(listener.getsockname()[1])))
        return found

    @keyword
    def close_listeners(self) -> None:
        """Stop listening."""
        while self._open:
            self._open.pop().close()


def own_addresses() -> list[str]:
    """Return the IPv4 addresses of this machine's interfaces but loopback's; none where it is not Linux."""
    if sys.platform != "linux":
        return []
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            request = struct.pack(f"{NAME_BYTES}s", name.encode())
            try:
                answer = fcntl.ioctl(any_socket, SIOCGIFADDR, request)
            except OSError:  # it has none
                continue
            address = socket.inet_ntoa(answer[20:24])
            if not ipaddress.ip_address(address).is_loopback:
                found.append(address)
    return found
