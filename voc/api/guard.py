"""What each route asks of the one who calls it, and finding out who that is.

It happens before the body of a request is read. What must hold: a route without a rule is refused to all but
``admin``; where there are neither keys nor people, nothing but this machine is let in, and no web page that
a browser of this machine happens to show.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from voc.access import Known
from voc.api.acting import acting
from voc.api.blueprint import COOKIE, services
from voc.api.caller import act_as, author, caller
from voc.api.throttling import Share, Throttle
from voc.errors import BodyTooLarge, Forbidden, TooMany, Unauthorized
from voc.identity import LOOPBACK, Principal, Scope

__all__ = [
    "CSRF", "RULES", "Rule", "act_as", "authenticated", "author", "caller", "check", "is_loopback",
    "known", "needs", "register", "require",
]  # fmt: skip

View = TypeVar("View", bound=Callable[..., Any])

CSRF = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: How the headers begin that proxies add. One in front of a service that is open to this machine would open
#: it to the world.
_OF_PROXIES = (
    "forwarded", "x-forwarded", "x-real-ip", "x-client-ip", "x-original-", "via", "cf-connecting-ip",
    "true-client-ip",
)  # fmt: skip
_HOW = "make the first key with `voc keys add` or the first person with `voc people add`"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route asks.

    Attributes:
        scope: that the caller must have, or one of several; empty for anybody who is known; None for
            anybody at all.
        act: name under which the audit log has it; None for what is not logged.
        whole: refused to those who are limited to a department: it speaks of all feedback.
    """

    scope: Scope | tuple[Scope, ...] | None
    act: str | None = None
    whole: bool = False

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of which the caller must have one."""
        if self.scope is None:
            return ()
        return self.scope if isinstance(self.scope, tuple) else (self.scope,)


_OF_THE_REST = Rule("admin", whole=True)
#: By the full name of the endpoint, such as ``v1.get_trends``. The documentation is for all who are known.
RULES: dict[str, Rule] = dict.fromkeys(
    (
        "docs", "swagger.swagger", "swagger.static", "swagger.oauth2-redirect",
        "openapi.openapi", "openapi.doc_url", "openapi.static",
    ),
    Rule(()),
)  # fmt: skip


def needs(
    scope: Scope | tuple[Scope, ...] | None,
    *,
    act: str | None = None,
    whole: bool = False,
    endpoint: str | None = None,
) -> Callable[[View], View]:
    """Declares what a route asks; stands between the route and its function.

    Args:
        endpoint: full name of the endpoint; by default that of the function under ``/v1``.
    """
    rule = Rule(scope, act, whole)

    def declared(view: View) -> View:
        RULES[endpoint or f"v1.{view.__name__}"] = rule

        @wraps(view)
        def inside(*args: Any, **given: Any) -> Any:
            return acting(rule.act, caller().actor, given, lambda: view(*args, **given))

        return inside  # type: ignore[return-value]

    return declared


def register(app: Flask, workers: int) -> None:
    """Makes the guard the first to look at every request.

    Args:
        workers: processes that serve, which share what a key may ask in a minute.
    """
    app.extensions["voc_throttle"] = Throttle(workers)
    app.before_request(check)
    app.after_request(_tell_the_share)


def check() -> None:
    """Lets a request pass or not; runs before its body is read.

    Raises:
        Unauthorized: ``credentials_missing``, ``key_unknown``, ``key_expired`` or ``key_revoked``.
        Forbidden: ``not_configured``, ``origin_wrong``, ``csrf_missing``, ``csrf_wrong``, ``scope_missing``
            or ``department_limited``.
        TooMany: ``rate_limited``.
        BodyTooLarge: ``body_too_large``.
    """
    if request.endpoint is None:  # no such URL or method: the answer to that tells nothing
        return
    rule = RULES.get(request.endpoint, _OF_THE_REST)
    if rule.scope is None:
        _check_anybody()
        return
    found = _found()
    g.known = found
    act_as(found.principal)
    _check_rate(found)
    require(rule)
    _check_size(found)


def known() -> Known:
    """What is known of the caller of a route that asks who calls."""
    found: Known = g.known
    return found


def require(rule: Rule) -> None:
    """Refuses a caller who may not do what ``rule`` asks.

    Raises:
        Forbidden: ``scope_missing`` or ``department_limited``.
    """
    principal = caller()
    if rule.scopes and not any(principal.may(scope) for scope in rule.scopes):
        wanted = " or ".join(rule.scopes)
        raise Forbidden(
            "scope_missing", f"this needs the scope {wanted}, which {principal.actor} does not have"
        )
    if rule.whole and principal.department is not None:
        raise Forbidden(
            "department_limited",
            f"this speaks of all feedback; {principal.actor} is limited to {principal.department}",
        )


def authenticated() -> Principal | None:
    """Who the key that was sent belongs to; None where none was sent or it does not hold.

    For routes that are open to anybody and find out themselves who calls. It makes nobody the caller; that
    does `act_as`.
    """
    found: Known | None = g.get("known")
    return found.principal if found else None


def _check_anybody() -> None:
    """For routes that anybody may call: such as look at the service are answered always; others are held to
    the limits of a key, if one was sent that holds."""
    if request.method in _SAFE:
        return
    try:
        g.known = _by_key()
    except Unauthorized:
        g.known = None
    if g.known is not None:
        _check_rate(g.known)
        _check_size(g.known)
        return
    if services().access.is_open:
        _check_loopback()
    if _key_given() is None:
        _check_origin()


# ---- who it is


def _found() -> Known:
    try:
        return _by_key() or _by_session() or _by_place()
    except Unauthorized:
        share = _throttle().hit_stranger(request.remote_addr or "")
        if share.wait_s:
            raise TooMany(
                "rate_limited", "too many requests of nobody who is known came from this address",
                retry_after_s=share.wait_s,
            ) from None  # fmt: skip
        raise


def _key_given() -> str | None:
    """What stands where a key stands; None where nothing does. Other schemes than Bearer are not ours."""
    own = request.headers.get("X-API-Key")
    if own is not None:
        return own.strip()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def _by_key() -> Known | None:
    given = _key_given()
    if given is None:
        return None
    try:
        return services().access.with_key(given)
    except Unauthorized:
        _check_place_if_open()  # from elsewhere an open service says that it is one, not that keys are wrong
        raise


def _by_session() -> Known | None:
    token = request.cookies.get(COOKIE)
    found = services().access.with_session(token) if token else None
    if found is None or request.method in _SAFE:
        return found
    _check_origin()
    given = request.headers.get(CSRF)
    if given is None:
        raise Forbidden("csrf_missing", f"the header {CSRF} is missing; GET /v1/session says what it must be")
    if not hmac.compare_digest(given.encode("latin-1", "replace"), (found.csrf or "").encode()):
        raise Forbidden("csrf_wrong", f"the header {CSRF} is not that of this session")
    return found


def _by_place() -> Known:
    if not services().access.is_open:
        raise Unauthorized(
            "credentials_missing", "send a key as `Authorization: Bearer voc_...`, or log in at /v1/session"
        )
    _check_loopback()
    if request.method not in _SAFE:
        _check_origin()
    return Known(LOOPBACK)


def _check_place_if_open() -> None:
    if services().access.is_open:
        _check_loopback()


# ---- where it comes from


def is_loopback(host: str) -> bool:
    """Whether a name or address, with a port or without, is this machine itself."""
    bare = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    try:
        parts = urlsplit(f"//{bare}")
        _ = parts.port  # what follows the colon must be a port, no further address
        name = "" if "@" in bare or parts.netloc != bare else parts.hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check_loopback() -> None:
    """The address must be of this machine, and so must the name that it was called by: a page whose name
    was made to point here (DNS rebinding) still says its own."""
    proxied = any(name.lower().startswith(_OF_PROXIES) for name in request.headers.keys())  # noqa: SIM118
    # nginx adds no header unless it is told to, but speaks the HTTP of 1996, which no browser does
    proxied = proxied or request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0"
    if proxied or not is_loopback(request.remote_addr or "") or not is_loopback(request.host):
        raise Forbidden(
            "not_configured",
            f"there are no keys and no people, so this service answers this machine alone; {_HOW}",
        )


def _check_origin() -> None:
    """No page of another origin may make a browser do something here (OWASP CSRF Prevention Cheat Sheet)."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    try:
        elsewhere = origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()
    except ValueError:
        elsewhere = True
    if elsewhere or site not in ("none", "same-origin"):
        raise Forbidden("origin_wrong", "a page of another origin may not do this")


# ---- how much


def _throttle() -> Throttle:
    found: Throttle = current_app.extensions["voc_throttle"]
    return found


def _check_rate(found: Known) -> None:
    per_minute = found.rate_per_minute
    if per_minute is None:
        per_minute = services().settings.rate_per_minute
    if not per_minute or found.principal.kind == "loopback":
        return
    share = _throttle().hit(found.principal.actor, per_minute)
    g.share = share
    if share.wait_s:
        raise TooMany(
            "rate_limited",
            f"{found.principal.actor} may make {per_minute:,} requests a minute",
            retry_after_s=share.wait_s,
        )


def _check_size(found: Known) -> None:
    most = found.body_max_bytes
    if most is None:
        return
    if request.max_content_length is not None:
        most = min(most, request.max_content_length)
    if (request.content_length or 0) > most:
        raise BodyTooLarge(
            "body_too_large", f"the body must have at most {most:,} bytes with {found.principal.actor}"
        )
    request.max_content_length = most


def _tell_the_share(response: Response) -> Response:
    share: Share | None = g.get("share")
    if share is not None:
        response.headers["RateLimit-Limit"] = str(share.limit)
        response.headers["RateLimit-Remaining"] = str(share.remaining)
    return response
