"""A department's week."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta

import click

from voc.cli.shared import DAY, Context, as_json, pass_context


@click.command()
@click.argument("key", metavar="DEPARTMENT")
@click.option("--week", type=DAY, help="A day of the week that is meant [default: the last full one].")
@click.option("--language", type=click.Choice(["vi", "en"]), help="[default: $VOC_MAIL_LANGUAGE or vi]")
@click.option("--send", "is_sent", is_flag=True, help="Send it by mail to whom the organization names.")
@click.option("--again", is_flag=True, help="With --send: also if it was sent, or may have been.")
@as_json
@pass_context
def digest(
    context: Context,
    key: str,
    week: datetime | None,
    language: str | None,
    is_sent: bool,
    again: bool,
    as_json: bool,
) -> None:
    """A department's week: praise, pains, what is new, with customers' words.

    The running service sends it by mail each Monday, where VOC_SMTP_URL names a mail server and the
    organization says `mail_to` for the department.
    """
    from voc.digest import last_week, plain

    if again and not is_sent:
        raise click.UsageError("--again goes with --send")
    if is_sent and language:
        raise click.UsageError("mail is written in VOC_MAIL_LANGUAGE; --language goes without --send")
    services = context.services
    first = _monday(week.date()) if week else last_week(datetime.now(UTC).date())
    if is_sent:
        sent = services.digester.send(key, first, time.time(), again=again)
        context.record()
        told = f"{key}, week of {sent.week}: {sent.state}, {sent.recipients} recipients"
        click.echo(
            json.dumps(sent.as_dict(), ensure_ascii=False)
            if as_json
            else told + (f", {sent.error}" if sent.error else "")
        )
        if sent.state != "sent":
            raise click.exceptions.Exit(1)
        return
    letter = services.digester.letter(key, first, language)
    context.record()
    if as_json:
        click.echo(json.dumps(letter.as_dict(), ensure_ascii=False))
        return
    click.echo(plain(letter, context.settings.public_url))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
