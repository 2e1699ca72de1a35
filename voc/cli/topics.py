"""The topics of the registry, what fits propose of them, and what people decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from voc.cli.shared import NUMBER, Context, as_json, because, by, pass_context

proposal_option = click.option("--proposal", type=NUMBER, metavar="NUMBER", help="[default: the last fit]")


@click.group()
def topics() -> None:
    """The topics of the registry: list, fit, decide, undo."""


def _say(value: Any, as_json: bool, *lines: str) -> None:
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)


def _made(event: Any) -> str:
    return f"change {event.number}: {event.action} {', '.join(event.keys)} (voc topics undo {event.number})"


# ---- looking


@topics.command("list")
@as_json
@pass_context
def topics_list(context: Context, as_json: bool) -> None:
    """All topics with how many feedback mention them."""
    from voc import reports
    from voc.store import Filter

    facts = context.services.facts.now()
    everything = context.services.facts.rows(facts, Filter())
    found = reports.topics(facts, everything, context.services.pipelines.get().topics.registry)
    if as_json:
        click.echo(json.dumps([summary.as_dict() for summary in found], ensure_ascii=False))
        return
    for summary in found:
        topic = summary.topic
        department = f"{topic.moved_to}*" if topic.moved_to else topic.department
        click.echo(
            f"{topic.key:<30} {summary.count:>6}  {department:<11} {topic.name['vi']} / {topic.name['en']}"
        )


@topics.command("show")
@click.argument("key")
@as_json
@pass_context
def topics_show(context: Context, key: str, as_json: bool) -> None:
    """One topic: names, words, examples, counts; also one that is no longer active."""
    from voc import reports
    from voc.store import Filter

    model = context.services.pipelines.get().topics
    topic = model.registry.get(key)
    facts = context.services.facts.now()
    counts = reports.topic_counts(facts, context.services.facts.rows(facts, Filter()))
    summary = reports.TopicSummary(topic, *counts.get(key, (0, 0)))
    click.echo(json.dumps(summary.as_dict(), ensure_ascii=False, indent=None if as_json else 2))


@topics.group("themes", invoke_without_command=True)
@as_json
@click.pass_context
def topics_themes(ctx: click.Context, as_json: bool) -> None:
    """The themes with their topics, as people read them."""
    if ctx.invoked_subcommand is not None:
        return
    from voc.curation import themes

    registry = ctx.obj.services.pipelines.get().topics.registry
    found = themes(registry)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for theme in found:
        click.echo(f"{theme['name']['vi']} / {theme['name']['en']} ({theme['key'] or '-'})")
        for key in theme["topics"]:
            name = registry.topics[key].name
            click.echo(f"  {key:<30} {name['vi']} / {name['en']}")


@topics_themes.command("add")
@click.argument("key")
@click.option("--name-vi", help="Name in Vietnamese.")
@click.option("--name-en", help="Name in English.")
@by
@because
@as_json
@pass_context
def topics_themes_add(
    context: Context,
    key: str,
    name_vi: str | None,
    name_en: str | None,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Add the theme KEY, or give it another name."""
    event = context.services.curation.add_theme(key, _named(name_vi, name_en), author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


@topics.command("history")
@click.argument("key", required=False)
@as_json
@pass_context
def topics_history(context: Context, key: str | None, as_json: bool) -> None:
    """Every change of all topics, or of the topic KEY: when, by whom, what, why."""
    events = context.services.curation.history(key)
    if as_json:
        click.echo(json.dumps([event.as_dict() for event in events], ensure_ascii=False))
        return
    for event in events:
        what = f"undo of {event.undoes}" if event.undoes else event.action
        gone = "  (undone)" if event.undone else ""
        why = f"  {event.reason}" if event.reason else ""
        click.echo(
            f"{event.number:>5}  {event.made_at[:19]}Z  {event.author:<12} {what:<12} "
            f"{', '.join(event.keys)}{why}{gone}"
        )


# ---- fits and proposals


@topics.command("fit")
@click.option("--limit", default=50_000, show_default=True, type=click.IntRange(100, 1_000_000),
              help="Distinct segments at most, chosen by a hash of their content.")  # fmt: skip
@click.option("--min-topic-size", type=click.IntRange(3, 10_000),
              help="Least distinct segments of a topic [default: 10, or a thousandth of all].")  # fmt: skip
@by
@as_json
@pass_context
def topics_fit(context: Context, limit: int, min_topic_size: int | None, by: str, as_json: bool) -> None:
    """Fit topics on the segments of this database and propose changes to the registry.

    Nothing is changed before you accept. Kept vectors are used; tens of thousands of segments take minutes.
    """
    from voc.curation import change_of
    from voc.training.proposals import propose

    services = context.services
    pipeline = services.pipelines.get()
    used = {key for event in services.store.topics.history() for key in event.keys}
    say: Callable[[str], None] = lambda line: click.echo(line, err=True)  # noqa: E731
    found = propose(
        pipeline, services.store.proposals.segments(pipeline.reader.version), change_of,
        revision=services.store.revision()[0], used=used, limit=limit, min_topic_size=min_topic_size,
        say=say,
    )  # fmt: skip
    _show_proposal(services.store.proposals.add(found, author=by), as_json, show_all=False, examples=3)


@topics.command("diff")
@click.argument("keys", nargs=-1)
@proposal_option
@click.option("--all", "show_all", is_flag=True, help="Also the topics that stay as they are.")
@click.option("--examples", default=3, show_default=True, type=click.IntRange(0, 5), help="Segments shown.")
@as_json
@pass_context
def topics_diff(
    context: Context,
    keys: Sequence[str],
    proposal: int | None,
    show_all: bool,
    examples: int,
    as_json: bool,
) -> None:
    """What the last fit proposes; all of it, or of KEYS (topics, or numbers of items)."""
    from dataclasses import replace

    curation = context.services.curation
    found = curation.proposal(proposal)
    if keys:
        found = replace(found, items=tuple(curation.find(found, keys)))
    _show_proposal(found, as_json, show_all=show_all or bool(keys), examples=examples)


@topics.command("accept")
@click.argument("keys", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All items that are open.")
@proposal_option
@click.option("--key", "new_key", help="Another key for a new topic.")
@click.option("--name-vi", help="Another name for a new topic.")
@click.option("--name-en", help="Another name for a new topic.")
@click.option("--department", help="Another field of work for a new topic.")
@click.option("--retire", is_flag=True, help="Retire the topics that are gone; else they stay.")
@by
@because
@as_json
@pass_context
def topics_accept(
    context: Context,
    keys: Sequence[str],
    every: bool,
    proposal: int | None,
    new_key: str | None,
    name_vi: str | None,
    name_en: str | None,
    department: str | None,
    retire: bool,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Accept what a fit proposes of KEYS (topics, or numbers of items), or --all.

    New feedback is judged by it at once; kept feedback after voc reclassify.
    """
    from voc.curation import Wording

    if every and retire:
        raise click.UsageError("name the topics to retire")
    curation = context.services.curation
    found = curation.proposal(proposal)
    items = curation.find(found, _chosen(keys, every))
    wording = Wording(new_key, name_vi, name_en, department)
    events = curation.accept(found, items, author=by, reason=reason, wording=wording, retire=retire)
    changed = [event for event in events if event is not None]
    _say(
        {"proposal": found.number, "accepted": len(items), "events": [event.as_dict() for event in changed]},
        as_json,
        *(_made(event) for event in changed),
        f"{len(items)} items accepted, {len(changed)} of them change the registry",
        *(["kept feedback follows with: voc reclassify"] if changed else []),
    )


@topics.command("reject")
@click.argument("keys", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All items that are open.")
@proposal_option
@by
@because
@as_json
@pass_context
def topics_reject(
    context: Context,
    keys: Sequence[str],
    every: bool,
    proposal: int | None,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Reject what a fit proposes of KEYS (topics, or numbers of items), or --all."""
    curation = context.services.curation
    found = curation.proposal(proposal)
    items = curation.find(found, _chosen(keys, every))
    curation.reject(found, items, author=by, reason=reason)
    _say({"proposal": found.number, "rejected": len(items)}, as_json, f"{len(items)} items rejected")


def _chosen(keys: Sequence[str], every: bool) -> Sequence[str]:
    if bool(keys) == every:
        raise click.UsageError("name topics or items, or give --all")
    return keys


# ---- changes of one's own


@topics.command("rename")
@click.argument("key")
@click.option("--name-vi", help="Name in Vietnamese.")
@click.option("--name-en", help="Name in English.")
@click.option("--remit-vi", help="One line in Vietnamese: what belongs here.")
@click.option("--remit-en", help="One line in English: what belongs here.")
@by
@because
@as_json
@pass_context
def topics_rename(
    context: Context,
    key: str,
    name_vi: str | None,
    name_en: str | None,
    remit_vi: str | None,
    remit_en: str | None,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Give the topic KEY another name or remit; its key stays."""
    name, remit = _named(name_vi, name_en), _named(remit_vi, remit_en)
    if not name and not remit:
        raise click.UsageError("give a name or a remit")
    event = context.services.curation.rename(key, name, remit, author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


def _named(vi: str | None, en: str | None) -> dict[str, str]:
    return {language: said for language, said in (("vi", vi), ("en", en)) if said is not None}


@topics.command("merge")
@click.argument("keys", nargs=-1, required=True)
@click.option("--into", required=True, help="The topic that stays.")
@by
@because
@as_json
@pass_context
def topics_merge(
    context: Context, keys: Sequence[str], into: str, by: str, reason: str | None, as_json: bool
) -> None:
    """Let the topics KEYS go into another one."""
    event = context.services.curation.merge(keys, into, author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


@topics.command("move")
@click.argument("key")
@click.option("--department", help="Department that the topic goes to.")
@click.option("--back", is_flag=True, help="To the department that covers its field of work.")
@by
@because
@as_json
@pass_context
def topics_move(
    context: Context,
    key: str,
    department: str | None,
    back: bool,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Send the topic KEY to another department."""
    if (department is None) != back:
        raise click.UsageError("give --department, or --back")
    event = context.services.curation.move(key, department, author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


@topics.command("retire")
@click.argument("key")
@by
@because
@as_json
@pass_context
def topics_retire(context: Context, key: str, by: str, reason: str | None, as_json: bool) -> None:
    """Let the topic KEY take no more segments."""
    event = context.services.curation.retire(key, author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


@topics.command("theme")
@click.argument("key")
@click.option("--theme", help="The theme that the topic is read under.")
@click.option("--none", "without", is_flag=True, help="Under no theme.")
@by
@because
@as_json
@pass_context
def topics_theme(
    context: Context,
    key: str,
    theme: str | None,
    without: bool,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Put the topic KEY under another theme."""
    if (theme is None) != without:
        raise click.UsageError("give --theme, or --none")
    event = context.services.curation.place(key, theme, author=by, reason=reason)
    _say(event.as_dict(), as_json, _made(event))


@topics.command("undo")
@click.argument("numbers", nargs=-1, required=True, type=NUMBER, metavar="CHANGE...")
@by
@because
@as_json
@pass_context
def topics_undo(context: Context, numbers: Sequence[int], by: str, reason: str | None, as_json: bool) -> None:
    """Take changes back by their number in the history, the latest first."""
    events = context.services.curation.undo(numbers, author=by, reason=reason)
    _say(
        [event.as_dict() for event in events],
        as_json,
        *(f"change {event.undoes} undone: {', '.join(event.keys)}" for event in events),
    )


# ---- how a proposal is shown

_HEADINGS = {
    "new": "New topics, of segments that belong to none",
    "split": "Topics that fall apart",
    "merged": "Topics that are one",
    "grown": "Topics that have grown: they would also take segments that belong to none",
    "gone": "Topics that no group stands for: they stay, unless you accept them with --retire",
    "same": "Topics that stay as they are",
}


def _show_proposal(proposal: Any, as_json: bool, *, show_all: bool, examples: int) -> None:
    if as_json:
        click.echo(json.dumps(proposal.as_dict(), ensure_ascii=False))
        return
    figures = proposal.figures
    click.echo(f"proposal {proposal.number} of {proposal.made_at[:10]} by {proposal.author}")
    of = "" if figures["fitted"] == figures["distinct"] else f", {figures['fitted']} of them fitted"
    click.echo(f"  {figures['segments']} segments, {figures['distinct']} distinct{of}; "
               f"topics of {figures['min_topic_size']} or more")  # fmt: skip
    click.echo(
        f"  {figures['groups']} groups; passed over: {figures['groups_nobodys']} that are nobody's work, "
        f"{figures['groups_loose']} held together by language alone, "
        f"{figures['groups_of_few_texts']} of few texts"
    )
    click.echo(
        f"  topics: {figures['topics']} now, {figures['topics_after']} if all is accepted\n"
        f"  segments that belong to none: {figures['outliers_before']:.1%} now, "
        f"{figures['outliers_after']:.1%} if all is accepted ({figures['outliers_bertopic']:.1%} in no group)"
    )
    for kind, heading in _HEADINGS.items():
        items = [item for item in proposal.items if item.kind == kind]
        if not items:
            continue
        click.echo(f"\n{heading} ({len(items)})")
        if kind == "same" and not show_all:
            _wrapped(", ".join(item.keys[0] for item in items), "  ")
            click.echo("  (voc topics diff --all tells more)")
        elif kind in ("same", "gone"):
            for item in items:
                click.echo(f"  {_number(item)} {item.keys[0]:<28} {item.content['reason']}")
        else:
            for item in items:
                _show_item(item, examples)
    open_items = sum(item.decision is None for item in proposal.items)
    if open_items:
        click.echo("\nvoc topics accept KEY... | --all, or voc topics reject KEY... | --all")


def _number(item: Any) -> str:
    done = {"accepted": "+", "rejected": "-"}.get(item.decision or "", " ")
    return f"{done}{item.position:>3}"


def _show_item(item: Any, examples: int) -> None:
    size = item.content["size"]
    groups = item.content["groups"]
    if item.kind == "new":
        head = f"{groups[0]['key']}: {size['proposed']} segments"
    elif item.kind == "merged":
        head = f"{', '.join(item.keys[1:])} -> {item.keys[0]}: {size['now']} segments"
    elif item.kind == "split":
        parts = ", ".join(f"{group['key']} {group['proposed']}" for group in groups)
        head = f"{item.keys[0]}: {size['now']} segments -> {parts}"
    else:
        head = f"{item.keys[0]}: {size['now']} -> {size['proposed']} segments"
    click.echo(f"  {_number(item)} {click.style(head, bold=True)}")
    _wrapped(item.content["reason"], "       ")
    for group in groups:
        _show_group(group, item.kind, examples)


def _show_group(group: Mapping[str, Any], kind: str, examples: int) -> None:
    if kind in ("new", "split"):
        doubts = [f"{language} borrowed" for language in group["name_borrowed"]]
        doubts += [f"{language} said by one segment" for language in group["name_rare"]]
        doubt = f"  (check the name: {', '.join(doubts)})" if doubts else ""
        lead = f"{group['key']}: " if kind == "split" else ""
        click.echo(f"       {lead}{group['name']['vi']} / {group['name']['en']}{doubt}")
        near = group["nearest"]
        nearest = f"; nearest {near['key']} ({near['cosine']:.2f})" if near else ""
        shares = ", ".join(f"{language} {share:.0%}" for language, share in group["languages"].items())
        click.echo(f"       {group['department']}, theme {group['theme'] or '-'}{nearest}; {shares}")
    _wrapped("words: " + ", ".join(group["words"]), "       ")
    for example in group["examples"][:examples]:
        click.echo("       · " + (example if len(example) <= 96 else example[:95] + "…"))


def _wrapped(text: str, indent: str) -> None:
    import textwrap

    click.echo(
        textwrap.fill(text, 106, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    )
