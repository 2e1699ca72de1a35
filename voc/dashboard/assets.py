"""Files that pages load, out of the installation alone: styles, scripts, the chart library.

Their address holds a digest of what they are, so a browser may keep them for ever. They are the same for
everybody and tell nothing, so nobody need be known to get them.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import NotFound

from voc.api.guard import needs

FOLDER = Path(__file__).parent / "static"
IMMUTABLE = "public, max-age=31536000, immutable"
#: Of a file whose digest is another: asked for by a page of another release, in the midst of an update.
SHORT = "no-cache"
CHARTS = "charts.js"
_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

blueprint = Blueprint("assets", __name__)


@blueprint.app_template_global()
def asset(name: str) -> str:
    """The address of a file of ``static/``; scripts of one release import each other beside themselves."""
    return url_for("assets.static_file", stamp=digest(), name=name)


@blueprint.app_template_global()
def chart_library() -> str:
    """The address of the chart library."""
    return url_for("assets.static_file", stamp=version("plotly"), name=CHARTS)


@blueprint.get("/static/<stamp>/<name>")
@needs(None, endpoint="assets.static_file")
def static_file(stamp: str, name: str) -> Response:
    """A file, compressed where the browser takes that."""
    is_library = name == CHARTS
    if not is_library and name not in _names():
        raise NotFound
    newest = version("plotly") if is_library else digest()
    plain, packed = _library() if is_library else _file(name)
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(packed if is_packed else plain, content_type=f"{_kind(name)}; charset=utf-8")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = IMMUTABLE if stamp == newest else SHORT
    return response


@cache
def digest() -> str:
    """Of all files together, so that one that imports another finds that of its own release."""
    found = hashlib.sha256()
    for name in sorted(_names()):
        found.update(name.encode() + b"\0" + (FOLDER / name).read_bytes())
    return found.hexdigest()[:16]


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.iterdir() if path.suffix in _KINDS)


def _kind(name: str) -> str:
    return _KINDS.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


@cache
def _file(name: str) -> tuple[bytes, bytes]:
    plain = (FOLDER / name).read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0)


@cache
def _library() -> tuple[bytes, bytes]:
    """plotly.js as the package ``plotly`` brings it; the package itself is not imported."""
    spec = find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations  # noqa: S101, PT018  # it is a dependency
    plain = (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_bytes()
    return plain, gzip.compress(plain, 6, mtime=0)
