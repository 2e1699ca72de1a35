"""Making the database, serving, and the demonstration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from voc.cli.feedback import ingest_rows
from voc.cli.shared import DAY, Context, pass_context
from voc.errors import Conflict
from voc.settings import bundled


@click.command()
@pass_context
def init(context: Context) -> None:
    """Make the database, or bring its schema up to date."""
    from voc.store import Store

    applied = Store(context.settings.db, context.settings.busy_timeout_ms).prepare()
    click.echo(f"{context.settings.db}: {len(applied)} schema steps applied" if applied else "up to date")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--threads", default=32, show_default=True, type=click.IntRange(1, 256), help="Threads each.")
@pass_context
def serve(context: Context, host: str, port: int, workers: int, threads: int) -> None:
    """Serve the HTTP API and its documentation.

    While there are no keys and no people it answers this machine alone, and listens nowhere else.
    """
    from voc.serving import check_host, run

    if check_host(context.settings, host):
        click.echo("open to this machine alone, since there are no keys (voc keys add) and no people")
    click.echo(f"voc serves http://{host}:{port}/  (documentation at /docs, database {context.settings.db})")
    run(context.settings, host=host, port=port, workers=workers, threads=threads)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--until", type=DAY, help="Last day of the sixteen weeks, UTC [default: today].")
@click.option("--no-serve", is_flag=True, help="Fill the database and stop.")
@click.pass_context
def demo(ctx: click.Context, host: str, port: int, until: datetime | None, no_serve: bool) -> None:
    """Fill the database with sixteen weeks of an invented company's feedback, then serve it.

    Sellers and posters promise unlimited data and the network is throttled: this grows from the fifth week to
    the eleventh and falls after a fix. A second start takes nothing twice, whatever the day.
    """
    from voc.story import tell

    context: Context = ctx.obj
    last = until.date() if until else datetime.now(UTC).date()
    rows = [one.row for one in tell(bundled("corpora"), last)]
    _check_own(context, rows)
    numbered = ((number, row, None) for number, row in enumerate(rows, start=1))
    counts = ingest_rows(context, numbered, label="sixteen weeks")
    click.echo(f"{context.settings.db}: {counts['created']} new, {counts['exists']} already there")
    if no_serve:
        return
    click.echo(f"\n  the page           http://{host}:{port}/")
    click.echo(f"  the documentation  http://{host}:{port}/docs\n")
    ctx.invoke(serve, host=host, port=port)


def _check_own(context: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuses a database that somebody works with: what is invented must not stand among what was said.

    Raises:
        Conflict: ``demo_elsewhere``.
    """
    from voc.store import Filter

    store = context.services.store
    begun = any(store.has(row["source"], row["external_id"]) for row in rows)
    if not begun and store.count(Filter()):
        raise Conflict(
            "demo_elsewhere",
            f"{context.settings.db} holds other feedback; name another file: voc --db demo.db demo",
        )
