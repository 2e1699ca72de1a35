"""Where an event may go: an address is read once, its host looked up once, and every answer judged."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading

import httpx

from voc.errors import InvalidInput

URL_MAX_CHARS = 2_000
#: IPv6 networks whose addresses carry an IPv4 address in their last 32 bits: NAT64 (RFC 6052), the deprecated
#: IPv4-compatible ones (RFC 4291, 2.5.5.1).
_CARRIERS = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
#: All of the internet's own IPv6 addresses (IANA, IPv6 Global Unicast Address Assignments).
_UNICAST = ipaddress.IPv6Network("2000::/3")
#: What some versions of `ipaddress` take for the internet's: protocol assignments (RFC 6890), among which a
#: cloud has the service that tells a machine its secrets (192.0.0.192); relays (RFC 7526); documentation
#: (RFC 9637).
_SPECIAL = (
    ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("3fff::/20"),
)  # fmt: skip


def parsed(url: str) -> httpx.URL:
    """An address that an event may be sent to, but for where its host lies.

    Raises:
        InvalidInput: ``url_invalid``.
    """
    if len(url) > URL_MAX_CHARS:
        raise _invalid(f"must have at most {URL_MAX_CHARS:,} characters")
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise _invalid("cannot be read") from None
    if found.scheme not in ("http", "https"):
        raise _invalid("must begin with https:// or http://")
    if not found.raw_host:
        raise _invalid("names no host")
    if found.port is not None and not 0 < found.port < 65_536:
        raise _invalid("has no such port")
    if found.userinfo:
        raise _invalid("must not carry a name or password")
    if found.fragment:
        raise _invalid("must not have a fragment")
    return found


def _invalid(why: str) -> InvalidInput:
    return InvalidInput("url_invalid", f"url {why}", "url")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and not of this machine or a network of its own.

    IPv6 addresses that stand for an IPv4 address are judged by that one.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and any(found in network for network in _CARRIERS):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if found not in _UNICAST:
            return False
    return found.is_global and not found.is_multicast and not any(found in one for one in _SPECIAL)


def resolved(url: httpx.URL, allow_private: bool, timeout_s: float) -> list[str]:
    """The IP addresses of the host, as the system writes them; it is asked once.

    Whatever way the host is written (``localhost``, ``2130706433``, ``0x7f.1``), the answer is judged.

    Raises:
        InvalidInput: ``url_unresolvable``; ``url_private`` if one of them is not public and must be.
    """
    host = url.raw_host.decode().strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    answers: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(place[4][0]) for place in found)))
        except (OSError, UnicodeError):
            answers.put(None)

    # a look-up cannot be stopped: it is left to end by itself
    threading.Thread(target=look_up, name="voc-look-up", daemon=True).start()
    try:
        addresses = answers.get(timeout=timeout_s)
    except queue.Empty:
        addresses = None
    if not addresses:
        raise InvalidInput("url_unresolvable", "url: its host has no address", "url")
    if not allow_private and not all(is_public(address) for address in addresses):
        raise InvalidInput(
            "url_private",
            "url: its host has an address inside this network, which VOC_WEBHOOK_ALLOW_PRIVATE allows",
            "url",
        )
    return addresses
