"""What every answer tells a browser to do and not to do with it.

Sources: OWASP HTTP Headers Cheat Sheet; Content Security Policy Level 3; RFC 6797 (HSTS).
"""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Response, request

#: Only what this installation serves; nobody may put it into a frame.
POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
#: Seconds of a year.
HSTS = "max-age=31536000"
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def protect(response: Response) -> Response:
    """Sets the headers; runs after every request."""
    headers = response.headers
    headers["Content-Security-Policy"] = (
        _policy_of_swagger(response) if request.endpoint == "swagger.swagger" else POLICY
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if response.mimetype in ("application/json", "text/html"):
        headers["Cache-Control"] = "no-store"
    if request.is_secure:
        headers["Strict-Transport-Security"] = HSTS
    return response


def _policy_of_swagger(response: Response) -> str:
    """Swagger UI has a script in its page, which is allowed by its digest, and images and styles in its own
    scripts."""
    if response.is_streamed or response.mimetype != "text/html":
        return POLICY
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in _INLINE.findall(response.get_data(as_text=True))
    ]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"{POLICY}; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
