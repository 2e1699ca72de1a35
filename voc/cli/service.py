"""Making the database, serving, and the demonstration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from voc.cli.feedback import ingest_rows
from voc.cli.shared import Context, pass_context
from voc.errors import InvalidInput
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
@click.option("--no-serve", is_flag=True, help="Fill the database and stop.")
@click.pass_context
def demo(ctx: click.Context, host: str, port: int, no_serve: bool) -> None:
    """Fill the database with the project's own corpus, then serve it."""
    context: Context = ctx.obj
    counts = ingest_rows(context, _corpus_rows(bundled("corpora") / "feedback.jsonl"), label="corpus")
    click.echo(f"{context.settings.db}: {counts['created']} new, {counts['exists']} already there")
    if no_serve:
        return
    click.echo("\nTry, from another shell:\n")
    click.echo(f"  curl -s http://{host}:{port}/v1/feedback -H 'Content-Type: application/json' \\")
    click.echo('    -d \'{"text": "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe"}\'')
    click.echo(f"\nand open http://{host}:{port}/docs\n")
    ctx.invoke(serve, host=host, port=port)


def _corpus_rows(path: Path) -> Iterator[tuple[int, Any, InvalidInput | None]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            row = json.loads(line)
            values = {
                "text": row["text"], "source": row["source"], "external_id": row["id"],
                "occurred_at": row["occurred_at"], "channel": row["channel"], "scores": row["scores"],
                "attributes": {"sector": row["sector"], "corpus": True},
            }  # fmt: skip
            yield number, values, None
