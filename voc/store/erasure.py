"""What a person may ask for by law: everything kept of a customer, and its erasure.

Erased is what was said and who said it: the text in the table and in the search index, vectors, references,
attributes, reasons of corrections, bodies of events, and the customer's words where they stand as examples of
topics. What is counted stays: when, by which source, with which verdict. An erased feedback is not judged
again, and the sender's id of it, kept as a keyed digest, is not taken a second time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Unavailable
from voc.records import Feedback
from voc.store.changes import note
from voc.store.connection import Connection
from voc.store.failures import translated
from voc.store.outbox import Outbox
from voc.store.rows import as_json
from voc.store.secrets import Secrets

#: Feedback that are erased in one transaction.
AT_ONCE = 1_000
#: Where customers' words stand as examples: table, key, columns of JSON.
_EXAMPLES = (
    ("topics", "rowid", ("content",)),
    ("topic_events", "number", ("before", "after")),
    ("proposal_items", "rowid", ("content",)),
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure.

    Attributes:
        kind: ``customer``, ``feedback`` or ``retention``.
        subject: keyed digest of the customer's reference, so that a later request can be told from an
            earlier one without keeping whose it was; None for retention.
        feedback: how many were erased.
    """

    number: int
    made_at: str
    made_by: str
    kind: str
    subject: str | None
    reason: str | None
    feedback: int

    def as_dict(self) -> dict[str, Any]:
        """The erasure as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Erased:
    """That one feedback was erased: enough to erase it again in a copy that is older."""

    id: str
    source: str
    external_digest: str | None
    erasure: int


class Erasures:
    """The tables of erasures."""

    def __init__(self, connection: Connection, outbox: Outbox, secrets: Secrets) -> None:
        self._connection = connection
        self._outbox = outbox
        self._secrets = secrets

    def digest(self, value: str) -> str:
        """A keyed digest: the same for the same value in this installation, of no use without it."""
        key = self._secrets.get_or_make("erasure", 32)
        return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()

    # ---- what is kept of a customer

    def numbers_of(self, customer_ref: str) -> list[int]:
        """Row numbers of a customer's feedback."""
        rows = self._connection.db.conn.execute(
            "SELECT number FROM feedback WHERE customer_ref = ? ORDER BY number", (customer_ref,)
        )
        return [row[0] for row in rows]

    def numbers_by_id(self, keys: Sequence[str]) -> list[int]:
        """Row numbers of those feedback that exist."""
        rows = self._connection.db.conn.execute(
            "SELECT number FROM feedback WHERE id IN (SELECT value FROM json_each(?)) ORDER BY number",
            (json.dumps(list(keys)),),
        )
        return [row[0] for row in rows]

    def received_before(self, moment: str, limit: int) -> list[int]:
        """Row numbers of feedback that were received before ``moment`` and are not erased, oldest first."""
        rows = self._connection.db.conn.execute(
            "SELECT number FROM feedback WHERE received_at < ? AND erased_at IS NULL ORDER BY number LIMIT ?",
            (moment, limit),
        )
        return [row[0] for row in rows]

    def count_received_before(self, moment: str) -> int:
        """How many feedback `received_before` speaks of."""
        row = self._connection.db.conn.execute(
            "SELECT count(*) FROM feedback WHERE received_at < ? AND erased_at IS NULL", (moment,)
        ).fetchone()
        return int(row[0])

    def first_received(self, numbers: Sequence[int]) -> str:
        """When the first of these feedback was received."""
        row = self._connection.db.conn.execute(
            "SELECT min(received_at) FROM feedback WHERE number IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        ).fetchone()
        return str(row[0])

    def everything_of(self, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
        """All that is kept of each feedback: the row, every analysis with segments, corrections, events."""
        db = self._connection.db.conn
        for number in numbers:
            row = dict(db.execute("SELECT * FROM feedback WHERE number = ?", (number,)).fetchone())
            row |= {name: json.loads(row[name]) for name in ("scores", "attributes")}
            del row["number"]
            shown = db.execute("SELECT pipeline FROM shown WHERE feedback = ?", (number,)).fetchone()
            analyses = [_plain(one) for one in self._of("analyses", number)]
            for analysis in analyses:
                analysis["segments"] = []
            by_pipeline = {analysis["pipeline"]: analysis["segments"] for analysis in analyses}
            for part in self._of("segments", number):
                quote = row["text"][part["start"] : part["end"]]
                by_pipeline[part["pipeline"]].append(_plain(part) | {"text": quote})
            yield {
                "feedback": row,
                "shown": shown[0] if shown else None,
                "analyses": analyses,
                "corrections": [_plain(one) for one in self._of("corrections", number)],
                "events": [_plain(one) for one in self._of("events", number)],
                "vectors_by": [one["reader"] for one in self._of("readings", number)],
            }

    def _of(self, table: str, number: int) -> list[sqlite3.Row]:
        """The rows of a table that speak of one feedback."""
        return self._connection.db.conn.execute(
            f"SELECT * FROM {table} WHERE feedback = ?",  # noqa: S608
            (number,),
        ).fetchall()

    # ---- erasure

    def erase(
        self,
        numbers: Sequence[int],
        *,
        kind: str,
        author: str,
        subject: str | None = None,
        reason: str | None = None,
    ) -> Erasure:
        """Erases feedback, some at a time, each transaction with its line; those erased already stay so.

        Args:
            numbers: row numbers.
            subject: as `digest` gives it.
        """
        self._secrets.get_or_make("erasure", 32)
        with self._connection.write() as db:
            cursor = db.conn.execute(
                "INSERT INTO erasures (made_at, made_by, kind, subject, reason, feedback) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                (utc_now(), author, kind, subject, reason),
            )
            erasure = int(cursor.lastrowid or 0)
        for at in range(0, len(numbers), AT_ONCE):
            with self._connection.write() as db:
                db.conn.execute("PRAGMA secure_delete = ON")
                rows = db.conn.execute(
                    "SELECT number, id, source, external_id, text FROM feedback WHERE erased_at IS NULL "
                    "AND number IN (SELECT value FROM json_each(?))",
                    (json.dumps(numbers[at : at + AT_ONCE]),),
                ).fetchall()
                self._remember(db, rows, erasure)
                self._blank(db, rows)
                db.conn.execute(
                    "UPDATE erasures SET feedback = feedback + ? WHERE number = ?", (len(rows), erasure)
                )
        row = self._connection.db.conn.execute(
            "SELECT * FROM erasures WHERE number = ?", (erasure,)
        ).fetchone()
        return Erasure(**dict(row))

    def _remember(self, db: Database, rows: Sequence[sqlite3.Row], erasure: int) -> None:
        db.conn.executemany(
            "INSERT OR IGNORE INTO erased VALUES (?, ?, ?, ?)",
            [
                (
                    row["id"], row["source"],
                    self.digest(row["external_id"]) if row["external_id"] is not None else None, erasure,
                )
                for row in rows
            ],
        )  # fmt: skip

    def _blank(self, db: Database, rows: Sequence[sqlite3.Row]) -> None:
        numbers = [row["number"] for row in rows]
        wanted = json.dumps(numbers)
        quotes = _quotes(db, rows)
        here = "feedback IN (SELECT value FROM json_each(?))"
        db.conn.execute(
            "UPDATE feedback SET text = '', external_id = NULL, customer_ref = NULL, attributes = '{}', "
            "erased_at = ? WHERE number IN (SELECT value FROM json_each(?))",
            (utc_now(), wanted),
        )
        db.conn.execute(
            "DELETE FROM feedback_words WHERE rowid IN (SELECT value FROM json_each(?))", (wanted,)
        )
        for table in ("readings", "work_list"):
            db.conn.execute(f"DELETE FROM {table} WHERE {here}", (wanted,))  # noqa: S608
        db.conn.execute(f"UPDATE corrections SET reason = NULL WHERE {here}", (wanted,))  # noqa: S608
        for row in db.conn.execute(
            f"SELECT feedback, pipeline, said FROM analyses WHERE said IS NOT NULL AND {here}",  # noqa: S608
            (wanted,),
        ).fetchall():
            said = json.loads(row["said"])
            said["segments"] = [part | {"text": ""} for part in said["segments"]]
            db.conn.execute(
                "UPDATE analyses SET said = ? WHERE feedback = ? AND pipeline = ?",
                (as_json(said), row["feedback"], row["pipeline"]),
            )
        self._outbox.erase(db, numbers)
        note(db, numbers)
        if _forget_examples(db, quotes):
            # Processes that run have the topics in memory: another number of the database tells them.
            (present,) = db.conn.execute("PRAGMA user_version").fetchone()
            db.conn.execute(f"PRAGMA user_version = {present % (2**31 - 1) + 1}")

    def known(self, source: str, external_id: str) -> Feedback | None:
        """The erased feedback that the sender knows by this id, as far as it is still there."""
        db = self._connection.db.conn
        if db.execute("SELECT 1 FROM erased LIMIT 1").fetchone() is None:
            return None
        row = db.execute(
            "SELECT e.id, x.made_at FROM erased e JOIN erasures x ON x.number = e.erasure "
            "WHERE e.source = ? AND e.external_digest = ?",
            (source, self.digest(external_id)),
        ).fetchone()
        if row is None:
            return None
        when = row["made_at"]
        return Feedback(row["id"], "", source, None, when, when, erased_at=when)

    def take_over(self, erased: Sequence[Erased], secret: bytes | None, *, author: str) -> Erasure:
        """Erases what is here of feedback that were erased elsewhere, and remembers those that are not here.

        Args:
            secret: by which their digests are keyed; None where none was made.
        """
        if secret is not None:
            self._secrets.keep("erasure", secret)
        numbers = self.numbers_by_id([one.id for one in erased])
        done = self.erase(numbers, kind="restore", author=author)
        with self._connection.write() as db:
            db.conn.executemany(
                "INSERT OR IGNORE INTO erased VALUES (?, ?, ?, ?)",
                [(one.id, one.source, one.external_digest, done.number) for one in erased],
            )
        return done

    def erased(self) -> list[Erased]:
        """Every feedback that was ever erased here."""
        rows = self._connection.db.conn.execute("SELECT * FROM erased ORDER BY id")
        return [Erased(**dict(row)) for row in rows]

    def every(self) -> list[Erasure]:
        """All erasures, the latest first."""
        rows = self._connection.db.conn.execute("SELECT * FROM erasures ORDER BY number DESC")
        return [Erasure(**dict(row)) for row in rows]

    def compact(self) -> None:
        """Writes the file anew, so that no page holds what was erased, neither the log beside it.

        It needs as much free disk as the database has; others can read meanwhile and wait to write.

        Raises:
            Unavailable: ``not_compacted``: somebody read or wrote all the time; what was erased is out of
                every answer, and may be left on the disk.
        """
        db = self._connection.db.conn
        try:
            db.execute("INSERT INTO feedback_words (feedback_words) VALUES ('optimize')")
            db.commit()
            db.execute("VACUUM")
            (is_busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if translated(error).code != "store_busy":
                raise
            is_busy = 1
        if is_busy:
            raise Unavailable(
                "not_compacted",
                "what was erased may be left on the disk, since somebody read or wrote the database all the "
                "time: run `voc privacy compact` later",
            )


def _quotes(db: Database, rows: Sequence[sqlite3.Row]) -> set[str]:
    """The texts and all segments that any analysis cut from them, as examples quote them."""
    texts = {row["number"]: row["text"] for row in rows}
    found = set(texts.values())
    for part in db.conn.execute(
        'SELECT DISTINCT feedback, start, "end" FROM segments '
        "WHERE feedback IN (SELECT value FROM json_each(?))",
        (json.dumps(list(texts)),),
    ):
        found.add(texts[part["feedback"]][part["start"] : part["end"]])
    for row in db.conn.execute(
        "SELECT feedback, spans FROM readings WHERE feedback IN (SELECT value FROM json_each(?))",
        (json.dumps(list(texts)),),
    ):
        found |= {texts[row["feedback"]][start:end] for start, end in json.loads(row["spans"])}
    return {_spaced(quote) for quote in found} - {""}


def _spaced(text: str) -> str:
    """With single blanks, as examples are kept."""
    return " ".join(text.split())


def _forget_examples(db: Database, quotes: set[str]) -> bool:
    """Takes quotes out of the examples of topics, their history and proposals; whether any was there."""
    found = False
    for table, key, columns in _EXAMPLES:
        for row in db.conn.execute(f"SELECT {key} AS place, * FROM {table}").fetchall():  # noqa: S608
            for column in columns:
                content = json.loads(row[column])
                cleaned = _without(content, quotes)
                if cleaned != content:
                    found = True
                    db.conn.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {key} = ?",  # noqa: S608
                        (as_json(cleaned), row["place"]),
                    )
    return found


def _without(value: Any, quotes: set[str]) -> Any:
    """JSON whose lists under ``examples`` lack the quotes."""
    if isinstance(value, dict):
        return {
            name: [one for one in inner if _spaced(one) not in quotes]
            if name == "examples"
            else _without(inner, quotes)
            for name, inner in value.items()
        }
    return [_without(inner, quotes) for inner in value] if isinstance(value, list) else value


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    """A row as JSON values, without the number of its feedback: columns that hold JSON are read."""
    found = dict(row)
    del found["feedback"]
    for name in ("cooperators", "candidates", "hops", "corrected", "value", "said", "body"):
        if isinstance(found.get(name), str) and found[name]:
            found[name] = json.loads(found[name])
    return found
