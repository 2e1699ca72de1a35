"""The steps of the database's schema, ordered and named. Each runs in one transaction with its record.

Enters: a database of any older version. Leaves: the current schema. What must hold: a step that has been
released is never edited; a database with a step unknown here was written by a newer voc and is refused.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from voc.errors import SchemaTooNew

steps = Migrations("voc")


@steps(name="0001_feedback")
def _feedback(db: Database) -> None:
    """What was received, as kept, and its full-text index over folded letters."""
    db.execute(
        """
        CREATE TABLE feedback (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            source TEXT NOT NULL,
            external_id TEXT,
            occurred_at TEXT NOT NULL,
            received_at TEXT NOT NULL,
            channel TEXT,
            touchpoint TEXT,
            customer_ref TEXT,
            scores TEXT NOT NULL DEFAULT '{}',
            attributes TEXT NOT NULL DEFAULT '{}',
            pipeline TEXT
        ) STRICT
        """
    )
    db.execute(
        "CREATE UNIQUE INDEX feedback_external ON feedback (source, external_id) "
        "WHERE external_id IS NOT NULL"
    )
    db.execute("CREATE INDEX feedback_time ON feedback (occurred_at DESC, id DESC)")
    db.execute("CREATE INDEX feedback_source ON feedback (source, occurred_at DESC, id DESC)")
    db.execute("CREATE VIRTUAL TABLE feedback_words USING fts5(folded, tokenize='unicode61')")


@steps(name="0002_analyses")
def _analyses(db: Database) -> None:
    """What each pipeline version said; ``feedback.pipeline`` names the one that counts."""
    db.execute(
        """
        CREATE TABLE analyses (
            feedback INTEGER NOT NULL REFERENCES feedback (number) ON DELETE CASCADE,
            pipeline TEXT NOT NULL,
            run INTEGER REFERENCES runs (id),
            language TEXT NOT NULL,
            sentiment TEXT NOT NULL,
            sentiment_score REAL NOT NULL,
            sentiment_confidence REAL NOT NULL,
            owner TEXT,
            owner_confidence REAL NOT NULL,
            cooperators TEXT NOT NULL,
            touchpoint TEXT NOT NULL,
            status TEXT NOT NULL,
            candidates TEXT NOT NULL,
            PRIMARY KEY (feedback, pipeline)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX analyses_owner ON analyses (pipeline, owner)")
    db.execute(
        """
        CREATE TABLE segments (
            feedback INTEGER NOT NULL,
            pipeline TEXT NOT NULL,
            position INTEGER NOT NULL,
            start INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            language TEXT NOT NULL,
            sentiment TEXT NOT NULL,
            sentiment_score REAL NOT NULL,
            topic TEXT,
            department TEXT,
            department_confidence REAL NOT NULL,
            PRIMARY KEY (feedback, pipeline, position),
            FOREIGN KEY (feedback, pipeline) REFERENCES analyses (feedback, pipeline) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX segments_topic ON segments (pipeline, topic) WHERE topic IS NOT NULL")
    db.execute("CREATE INDEX segments_department ON segments (pipeline, department)")
    db.execute(
        """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            pipeline TEXT NOT NULL,
            selection TEXT NOT NULL,
            started_at TEXT NOT NULL,
            finished_at TEXT,
            rows INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    )


@steps(name="0003_readings")
def _readings(db: Database) -> None:
    """What does not depend on any verdict, kept so that judging again needs no encoding."""
    db.execute(
        """
        CREATE TABLE readings (
            feedback INTEGER PRIMARY KEY REFERENCES feedback (number) ON DELETE CASCADE,
            reader TEXT NOT NULL,
            spans TEXT NOT NULL,
            languages TEXT NOT NULL,
            words TEXT NOT NULL,
            vectors BLOB NOT NULL
        ) STRICT
        """
    )


@steps(name="0004_work_list")
def _work_list(db: Database) -> None:
    """Rows that still have to be analyzed, and until when somebody holds them."""
    db.execute(
        """
        CREATE TABLE work_list (
            feedback INTEGER PRIMARY KEY REFERENCES feedback (number) ON DELETE CASCADE,
            held_by TEXT,
            held_until REAL NOT NULL DEFAULT 0,
            attempts INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    )
    db.execute("INSERT INTO work_list (feedback) SELECT number FROM feedback WHERE pipeline IS NULL")


@steps(name="0005_topics")
def _topics(db: Database) -> None:
    """Topics as the registry had them when they were first used here."""
    db.execute(
        """
        CREATE TABLE topics (
            key TEXT PRIMARY KEY,
            name_vi TEXT NOT NULL,
            name_en TEXT NOT NULL,
            department TEXT NOT NULL,
            words TEXT NOT NULL,
            examples TEXT NOT NULL
        ) STRICT
        """
    )


@steps(name="0006_hops")
def _hops(db: Database) -> None:
    """The chain of departments that a customer was sent through."""
    db.execute("ALTER TABLE analyses ADD COLUMN hops TEXT NOT NULL DEFAULT '[]'")


def migrate(db: Database) -> list[str]:
    """Applies the pending steps; returns their names.

    Raises:
        SchemaTooNew: ``schema_too_new`` if the database has a step that this version does not know.
    """
    known = {step.name for step in steps.pending(db)} | {step.name for step in steps.applied(db)}
    registered = {step.name for step in steps._migrations}
    strangers = sorted(known - registered)
    if strangers:
        raise SchemaTooNew("schema_too_new", f"the database was written by a newer voc (step {strangers[0]})")
    pending = [step.name for step in steps.pending(db)]
    if pending:
        steps.apply(db)
    return pending
