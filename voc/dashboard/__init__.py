"""The pages that people read. Enters: requests of a browser. Leaves: HTML in Vietnamese or English.

What must hold: no figure of its own, no SQL, no model: a page asks `voc.reports` and the store, and shows; a
page is guarded as the routes of the API are; nothing is loaded from outside the installation.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from flask import Flask

from voc.dashboard import assets, shell, texts

__all__ = ["register"]

for _module in iter_modules(__path__):  # a page is there as soon as its module is
    import_module(f"{__name__}.{_module.name}")


def register(app: Flask) -> None:
    """Hangs all pages into the application."""
    texts.register(app)
    shell.register(app)
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(shell.blueprint)
