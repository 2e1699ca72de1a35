"""Fills the tables of docs/quality.md and docs/topics-quality.md from docs/figures/*.json.

    python docs/quality.py          # writes the pages again; a test checks that nothing changes

`make quality` and `make bench-topics` measure the figures.

A table stands between ``<!-- table NAME -->`` and ``<!-- end -->``; everything else is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

HERE = Path(__file__).parent
PAGES = tuple(HERE / name for name in ("quality.md", "topics-quality.md", "scale.md", "reliability.md"))
FIGURES = HERE / "figures"
BLOCK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
JUDGED = {
    "rows": "rows", "owner_accuracy": "owner accuracy", "departments_micro_f1": "departments micro-F1",
    "sentiment_macro_f1": "sentiment macro-F1 (3)", "sentiment_accuracy": "sentiment accuracy (3)",
    "sentiment_macro_f1_with_mixed": "macro-F1 with mixed", "coverage": "coverage",
    "owner_accuracy_covered": "owner accuracy, covered", "owner_ece": "owner ECE",
    "sentiment_ece": "sentiment ECE",
}  # fmt: skip
STEADY = {
    "groups": "groups", "same_owner": "same owner", "same_sentiment": "same sentiment", "same_both": "both",
    "same_both_right": "both, and right",
}  # fmt: skip
PAIRED = {
    "pairs": "pairs", "same_topic": "same topic", "same_topic_where_both_have_one": "where both have one",
    "both_without": "both without", "one_without": "one without", "ami_of_languages": "AMI",
    "nmi_of_themes": "NMI with themes", "purity_of_themes_where_placed": "purity",
}  # fmt: skip
WORDED = {
    "npmi": "NPMI", "diversity": "diversity", "topics": "topics", "outliers": "outliers", "nmi": "NMI",
    "purity": "purity",
}  # fmt: skip
GROUPED = {
    "topics": "topics", "outliers": "outliers", "nmi": "NMI", "nmi_placed": "NMI, placed",
    "purity": "purity", "purity_placed": "purity, placed", "same_topic": "same topic, vi and en",
    "same_topic_where_both_have_one": "where both have one", "ari": "ARI", "ari_placed": "ARI, placed",
    "both_placed": "placed twice",
}  # fmt: skip
SIDES = {"ours": "ours", "plain_centred": "plain BERTopic, centred", "plain": "plain BERTopic"}
AGREED = {
    "rows": "rows", "owner": "owner", "owner_kappa": "owner kappa",
    "departments_micro_f1": "departments micro-F1", "sentiment": "sentiment",
    "sentiment_kappa": "sentiment kappa", "touchpoint": "touchpoint", "touchpoint_kappa": "touchpoint kappa",
}  # fmt: skip


def read(name: str) -> Any:
    """What one command printed."""
    return json.loads((FIGURES / f"{name}.json").read_text("utf-8"))


def shown(value: Any) -> str:
    """A cell: shares with three digits, counts as they are."""
    return f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([shown(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def columns(names: dict[str, str], parts: Iterable[tuple[str, dict[str, Any]]], first: str = "on") -> str:
    """One row per part, one column per figure."""
    return table(
        [first, *names.values()], ([title, *(part.get(name) for name in names)] for title, part in parts)
    )


def routing() -> str:
    """The main figures of every set."""
    held = read("held-out")
    unseen = held["unseen"]
    return columns(
        JUDGED,
        [
            ("routing_dev", read("routing-dev")),
            ("held-out real texts", held["real"]),
            ("the same, diacritics dropped", held["real_without_diacritics"]),
            ("500 of them, labelled twice", unseen),
            ("those where both annotators agree", unseen["agreed"]),
            ("held-out part of our corpus", held["corpus"]),
        ],
    )


def parts() -> str:
    """Held-out real texts, cut in several ways."""
    real = read("held-out")["real"]
    return columns(
        JUDGED, [item for cut in ("by_language", "by_length", "by_source") for item in real[cut].items()]
    )


def bare_parts() -> str:
    """The same without diacritics, by language."""
    return columns(JUDGED, read("held-out")["real_without_diacritics"]["by_language"].items())


def corpus_parts() -> str:
    """The held-out part of our corpus, by language and length."""
    held = read("held-out")["corpus"]
    return columns(JUDGED, [item for cut in ("by_language", "by_length") for item in held[cut].items()])


def risk() -> str:
    """Share of wrong owners on the surest texts, every second point of the curve."""
    sets = {"routing_dev": read("routing-dev")}
    sets |= {f"held-out, {name}": part for name, part in read("held-out").items()}
    points = {name: part["risk_coverage"][1::2] for name, part in sets.items()}
    head = ["coverage", *(f"{point['coverage']:.1f}" for point in next(iter(points.values())))]
    return table(head, ([name, *(point["risk"] for point in found)] for name, found in points.items()))


def confusion(kind: str) -> Callable[[], str]:
    """Rows: as labelled; columns: as said."""

    def written() -> str:
        found = read("held-out")["real"]["confusion"][kind]
        labels = found["labels"]
        return table(["", *labels], ([name, *row] for name, row in zip(labels, found["matrix"], strict=True)))

    return written


def vsfc() -> str:
    """UIT-VSFC, by a head on the shipped encoder and by fine-tuning."""
    names = {"weighted_f1": "weighted F1", "macro_f1": "macro-F1", "accuracy": "accuracy", "ece": "ECE"}
    rows = [
        (f"{label}, head on the shipped encoder", read(f"uit-vsfc-{label}"))
        for label in ("sentiment", "topic")
    ]
    tuned = read("uit-vsfc-finetuned")
    rows += [(f"{label}, fine-tuned on it", tuned[label]) for label in ("sentiment", "topic")]
    return columns(names, rows, "label")


def renderings() -> str:
    """How steady verdicts are."""
    return columns(
        STEADY,
        [
            ("six renderings each (`corpora/renderings.jsonl`)", read("renderings")),
            ("held-out groups of the corpus", read("renderings-held-out")),
        ],
    )


def styles() -> str:
    """Agreement of each way of typing with the standard one."""
    names = {
        "rows": "rows",
        "same_owner": "same owner",
        "same_sentiment": "same sentiment",
        "same_both": "both",
    }
    return columns(names, read("renderings")["by_style"].items(), "style")


def translations() -> str:
    """Topics of a text and its translation."""
    found = read("translations")
    return columns(
        PAIRED,
        [
            ("sib200, as in serving", found["sib200"]["by_threshold"]),
            ("sib200, each text to its nearest topic", found["sib200"]["nearest"]),
            ("our corpus, shipped topics", found["corpus"]),
        ],
    )


def hops() -> str:
    """Chains of departments."""
    found = read("hops")
    return table(list(found), [list(found.values())])


def agreement() -> str:
    """Two passes of labelling."""
    found = read("corpora")["agreement"]
    titles = {"feedback": "our corpus", "labels": "real texts", "unseen": "held-out real texts, blind"}
    return columns(AGREED, [(title, found[name]) for name, title in titles.items()], "second pass over")


def baselines() -> str:
    """What a user would take instead."""
    return str(read("baselines")["markdown"]).strip() + "\n"


def news_words() -> str:
    """Means over 15 runs on the BBC news, beside what others published."""
    found = read("topics-octis")
    return columns(WORDED, [(title, found[side]["mean"]) for side, title in SIDES.items()], "15 runs of")


def news_numbers() -> str:
    """The same by the number of topics that was asked for."""
    found = read("topics-octis")
    rows = [(f"{SIDES[side]}, {most}", figures) for side in ("ours", "plain_centred")
            for most, figures in found[side]["by_number"].items()]  # fmt: skip
    return columns(WORDED, rows, "at most")


def grouped() -> str:
    """Groups beside labels, translations and refits."""
    found = read("topics-labelled")
    rows = [(f"{name}, {title}", found[part][side]) for part, name in
            (("sib200", "sib200"), ("corpus", "our corpus")) for side, title in SIDES.items()]  # fmt: skip
    return columns(GROUPED, rows)


def tried() -> str:
    """One step changed at a time."""
    names = {
        ("octis", "npmi"): "NPMI", ("octis", "diversity"): "diversity", ("octis", "topics"): "topics",
        ("octis", "nmi"): "NMI", ("sib200", "outliers"): "sib200: outliers", ("sib200", "nmi"): "NMI",
        ("sib200", "purity_placed"): "purity, placed", ("sib200", "ari"): "ARI",
        ("corpus", "outliers"): "our corpus: outliers", ("corpus", "nmi"): "NMI",
        ("corpus", "purity_placed"): "purity, placed", ("corpus", "ari"): "ARI",
        ("corpus", "ari_placed"): "ARI, placed",
    }  # fmt: skip
    return table(
        ["changed", *names.values()],
        ([title, *(figures.get(part, {}).get(name) for part, name in names)]
         for title, figures in read("topics-tried").items()),
    )  # fmt: skip


def million() -> str:
    """Reclassifying from ten thousand feedback to a million."""
    names = {
        "database_mb": "database, MB", "dry_run_s": "dry run, s", "run_s": "run, s", "rows_per_s": "rows/s",
        "rows_per_cpu_s": "rows per s of CPU", "rollback_s": "rollback, s", "peak_mb": "peak memory, MB",
        "moved": "owners moved",
    }  # fmt: skip
    return columns(names, ((f"{one['feedback']:,}", one) for one in read("million")), "feedback")


def page_loading() -> str:
    """The facts in memory: how long they take, and how much."""
    loading = read("page")["loading"]
    rows = [
        ("feedback", f"{loading['feedback']:,}"),
        ("lines of what segments speak of", f"{loading['mentions']:,}"),
        ("database, MB", f"{read('page')['database_mb']:,}"),
        ("first load, s", f"{loading['first_load_s']:.1f}"),
        ("of it on the processors, s", f"{loading['first_load_cpu_s']:.1f}"),
        ("bytes in memory for each feedback", f"{loading['bytes_per_feedback']:.0f}"),
        ("a look where nothing changed, ms", f"{loading['unchanged']['median_ms']:.2f}"),
        ("a look after one feedback more, ms", f"{loading['after_one_added']['median_ms']:.1f}"),
        ("a look after one was changed, ms", f"{loading['after_one_changed']['median_ms']:.1f}"),
    ]
    return table(["", "median"], rows)


def page_lists() -> str:
    """Filtered lists beside plain SQL."""
    head = [
        "list of 50", "matching", "list, ms", "request, ms", "request p95, ms", "request, ms of CPU",
        "plain SQL, ms", "list to plain", "request to plain",
    ]  # fmt: skip
    rows = [
        [
            f"`{unquote_plus(one['address'])}`" if one["address"] else "all", f"{one['matching']:,}",
            *(f"{one[part][name]:.1f}" for part, name in (
                ("facts", "median_ms"), ("route", "median_ms"), ("route", "p95_ms"), ("route", "cpu_ms"),
                ("plain", "median_ms"),
            )),
            f"{one['facts_to_plain']:.2f}", f"{one['route_to_plain']:.2f}",
        ]
        for one in read("page")["lists"]
    ]  # fmt: skip
    return table(head, rows)


def page() -> str:
    """Pages and reports of the API."""
    head = ["request", "median, ms", "p95, ms", "ms of CPU", "kB"]
    rows = []
    for one in read("page")["pages"]:
        took = [f"{one[name]:.0f}" for name in ("median_ms", "p95_ms", "cpu_ms")]
        rows.append([f"`{one['address']}`", *took, f"{one['bytes'] / 1000:.0f}"])
    return table(head, rows)


def load() -> str:
    """The service under load, one row for each number of clients."""
    names = {
        "posts": "posts", "posts_per_s": "posts/s", "p50_ms": "p50, ms", "p95_ms": "p95, ms",
        "p99_ms": "p99, ms", "queued": "queued", "shed": "shed", "errors": "errors",
        "analyzed_per_s": "analyzed/s", "encoder_texts_per_s": "encoder, texts/s",
        "posts_to_encoder": "posts to encoder", "analyzed_to_encoder": "analyzed to encoder",
    }  # fmt: skip
    levels = [
        {name: f"{value:.1f}" if isinstance(value, float) and "_to_" not in name else value
         for name, value in level.items()}
        for level in read("load")["levels"]
    ]  # fmt: skip
    return columns(names, ((str(level["clients"]), level) for level in levels), "clients")


def flat() -> str:
    """Memory of all workers over many posts, one column for each tenth of the way."""
    found = read("load-flat")["flat"]
    samples = found["rss_mib"]
    tenths = [samples[number * len(samples) // 10 - 1] for number in range(1, 11)]
    head = ["posts", *(f"{found['posts'] * number // 10:,}" for number in range(1, 11))]
    return table(head, [["resident memory, MiB", *(f"{value:.0f}" for value in tenths)]])


def checked() -> str:
    """What became of everything that was accepted."""
    names = {
        "accepted": "accepted", "kept": "in the database", "lost": "lost", "doubled": "doubled",
        "not_analyzed": "not analyzed",
    }  # fmt: skip
    rows = [("levels", read("load")["checked"]), ("memory", read("load-flat")["checked"])]
    return columns(names, rows, "run")


def fuzz() -> str:
    """Cases of every target of tests/fuzz, and what they found."""
    groups = {
        "parsers": "atheris", "properties": "Hypothesis", "api": "schemathesis",
    }  # fmt: skip
    rows = [
        (groups[group], name, one["what"], f"{one['cases']:,}", one["findings"])
        for group, found in read("fuzz").items()
        for name, one in found.items()
    ]
    return table(["by", "target", "what", "cases", "findings"], rows)


def personal() -> str:
    """Personal data found in the unseen texts, by type: precision and recall with their intervals."""
    head = ["type", "items", "found", "precision", "recall", "precision, overlap", "recall, overlap"]
    rows = []
    for name, one in read("pii")["by_type"].items():
        shares = [one[match][figure] for match in ("exact", "overlap") for figure in ("precision", "recall")]
        cells = [f"{share['value']:.3f} ({share['low']:.3f}-{share['high']:.3f})" for share in shares]
        rows.append((name, one["items"], one["found"], *cells))
    return table(head, rows)


def faults() -> str:
    """Each fault: how often, and what was lost."""
    head = ["name", "done", "trials", "answered for", "lost", "twice", "what the user saw", "counted"]
    rows = []
    for name, one in read("faults").items():
        counted = "; ".join(f"{what.replace('_', ' ')} {value:,}" for what, value in one["counted"].items())
        done = [one["fault"], one["trials"], f"{one['accepted']:,}", one["lost"], one["doubled"], one["seen"]]
        rows.append([f"`{name}`", *done, counted or None])
    return table(head, rows)


TABLES: dict[str, Callable[[], str]] = {
    "routing": routing, "parts": parts, "bare-parts": bare_parts, "corpus-parts": corpus_parts, "risk": risk,
    "owners": confusion("owner"), "feelings": confusion("sentiment"), "vsfc": vsfc, "renderings": renderings,
    "styles": styles, "translations": translations, "hops": hops, "agreement": agreement,
    "baselines": baselines, "news-words": news_words, "news-numbers": news_numbers, "grouped": grouped,
    "tried": tried, "million": million, "load": load, "flat": flat, "checked": checked,
    "faults": faults, "page": page, "page-lists": page_lists, "page-loading": page_loading,
    "fuzz": fuzz, "personal": personal,
}  # fmt: skip


def filled(page: str) -> str:
    """The page with every table written anew."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}{block[3]}", page)


if __name__ == "__main__":
    for written in PAGES:
        written.write_text(filled(written.read_text("utf-8")), "utf-8")
