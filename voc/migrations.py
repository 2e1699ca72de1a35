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


@steps(name="0007_shown")
def _shown(db: Database) -> None:
    """Which analysis of a feedback counts, in a table so narrow that a million rows switch in one
    transaction; and vectors of more than one reader, so that what an older pipeline read is still there."""
    db.execute(
        """
        CREATE TABLE shown (
            feedback INTEGER PRIMARY KEY REFERENCES feedback (number) ON DELETE CASCADE,
            pipeline TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        "INSERT INTO shown SELECT number, pipeline FROM feedback WHERE pipeline IS NOT NULL ORDER BY number"
    )
    db.execute("ALTER TABLE feedback DROP COLUMN pipeline")
    db.execute("ALTER TABLE readings RENAME TO readings_of_one")
    db.execute(
        """
        CREATE TABLE readings (
            feedback INTEGER NOT NULL REFERENCES feedback (number) ON DELETE CASCADE,
            reader TEXT NOT NULL,
            spans TEXT NOT NULL,
            languages TEXT NOT NULL,
            words TEXT NOT NULL,
            vectors BLOB NOT NULL,
            UNIQUE (feedback, reader)
        ) STRICT
        """
    )
    db.execute("INSERT INTO readings SELECT * FROM readings_of_one ORDER BY feedback")
    db.execute("DROP TABLE readings_of_one")


@steps(name="0008_corrections")
def _corrections(db: Database) -> None:
    """What people said; and beside an analysis that they changed, what the pipeline had said itself."""
    db.execute(
        """
        CREATE TABLE corrections (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            feedback INTEGER NOT NULL REFERENCES feedback (number) ON DELETE CASCADE,
            start INTEGER,
            "end" INTEGER,
            field TEXT NOT NULL,
            value TEXT NOT NULL,
            said TEXT NOT NULL,
            pipeline TEXT NOT NULL,
            author TEXT NOT NULL,
            reason TEXT,
            made_at TEXT NOT NULL,
            withdrawn_at TEXT,
            withdrawn_by TEXT
        ) STRICT
        """
    )
    db.execute("CREATE INDEX corrections_feedback ON corrections (feedback)")
    db.execute("ALTER TABLE analyses ADD COLUMN corrected TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE analyses ADD COLUMN said TEXT")
    db.execute(
        "CREATE INDEX analyses_review ON analyses (status, owner_confidence, feedback) "
        "WHERE status = 'review'"
    )


@steps(name="0009_registry")
def _registry(db: Database) -> None:
    """The installation's own topics with their history, and what fits have proposed."""
    db.execute("DROP TABLE topics")  # of step 0005; nothing has ever written to it
    db.execute(
        """
        CREATE TABLE topics (
            key TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            content TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE themes (
            key TEXT PRIMARY KEY,
            position INTEGER NOT NULL,
            content TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE prototypes (
            number INTEGER PRIMARY KEY,
            event INTEGER NOT NULL REFERENCES topic_events (number),
            topic TEXT NOT NULL,
            layer INTEGER NOT NULL,
            within TEXT,
            threshold REAL NOT NULL,
            vector BLOB NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE topic_events (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            made_at TEXT NOT NULL,
            author TEXT NOT NULL,
            action TEXT NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL,
            reason TEXT,
            undoes INTEGER REFERENCES topic_events (number)
        ) STRICT
        """
    )
    db.execute(
        "CREATE TABLE topic_space (encoder TEXT NOT NULL, center BLOB NOT NULL) STRICT"  # one row at most
    )
    db.execute(
        """
        CREATE TABLE proposals (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            made_at TEXT NOT NULL,
            author TEXT NOT NULL,
            revision INTEGER NOT NULL,
            encoder TEXT NOT NULL,
            figures TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE proposal_items (
            proposal INTEGER NOT NULL REFERENCES proposals (number) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            kind TEXT NOT NULL,
            content TEXT NOT NULL,
            vectors BLOB NOT NULL,
            decision TEXT,
            decided_at TEXT,
            decided_by TEXT,
            event INTEGER REFERENCES topic_events (number),
            PRIMARY KEY (proposal, position)
        ) STRICT
        """
    )


@steps(name="0010_models")
def _models(db: Database) -> None:
    """Heads that the installation has learned, and which of them it uses."""
    db.execute(
        """
        CREATE TABLE models (
            version TEXT PRIMARY KEY,
            made_at TEXT NOT NULL,
            author TEXT NOT NULL,
            parent TEXT,
            files TEXT NOT NULL,
            figures TEXT NOT NULL,
            verdict TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE TABLE model_files (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT")
    db.execute(
        """
        CREATE TABLE promotions (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            made_at TEXT NOT NULL,
            author TEXT NOT NULL,
            version TEXT REFERENCES models (version),
            reason TEXT,
            is_rollback INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    )


@steps(name="0011_runs")
def _runs(db: Database) -> None:
    """Runs that go on after a stop, and that can be taken back: what each showed before."""
    db.execute("ALTER TABLE runs ADD COLUMN state TEXT NOT NULL DEFAULT 'finished'")
    db.execute("ALTER TABLE runs ADD COLUMN after INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE runs ADD COLUMN change TEXT NOT NULL DEFAULT '{}'")
    db.execute("ALTER TABLE runs ADD COLUMN held_by TEXT")
    db.execute("ALTER TABLE runs ADD COLUMN held_until REAL NOT NULL DEFAULT 0")
    db.execute("UPDATE runs SET state = iif(finished_at IS NULL, 'abandoned', 'final')")
    db.execute(
        """
        CREATE TABLE replaced (
            run INTEGER NOT NULL REFERENCES runs (id),
            feedback INTEGER NOT NULL REFERENCES feedback (number) ON DELETE CASCADE,
            pipeline TEXT NOT NULL,
            PRIMARY KEY (run, feedback)
        ) STRICT, WITHOUT ROWID
        """
    )


@steps(name="0012_people")
def _people(db: Database) -> None:
    """Keys, people and their sessions; of secrets only what cannot be turned back."""
    db.execute(
        """
        CREATE TABLE api_keys (
            prefix TEXT PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            scopes TEXT NOT NULL,
            department TEXT,
            rate_per_minute INTEGER,
            body_max_bytes INTEGER,
            made_at TEXT NOT NULL,
            made_by TEXT NOT NULL,
            expires_at TEXT,
            replaces TEXT,
            revoked_at TEXT,
            revoked_by TEXT
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE people (
            name TEXT PRIMARY KEY,
            password TEXT NOT NULL,
            role TEXT NOT NULL,
            department TEXT,
            made_at TEXT NOT NULL,
            made_by TEXT NOT NULL,
            disabled_at TEXT,
            disabled_by TEXT
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE sessions (
            digest TEXT PRIMARY KEY,
            person TEXT NOT NULL REFERENCES people (name) ON DELETE CASCADE,
            made_at TEXT NOT NULL,
            expires_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        "CREATE TABLE login_failures (name TEXT NOT NULL, address TEXT NOT NULL, at REAL NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX login_failures_at ON login_failures (at)")


@steps(name="0013_audit")
def _audit(db: Database) -> None:
    """Who did what, each line bound to the one before by its hash; no line is changed or taken out."""
    db.execute(
        """
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT,
            details TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL
        ) STRICT
        """
    )
    for what in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )
    # REPLACE takes a line out without asking the trigger on DELETE.
    db.execute(
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit "
        "WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    )


@steps(name="0014_outbox")
def _outbox(db: Database) -> None:
    """Where events go, the events, and how far each of them got."""
    db.execute(
        """
        CREATE TABLE targets (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            url TEXT NOT NULL,
            secret TEXT NOT NULL,
            former_secret TEXT,
            former_until REAL NOT NULL DEFAULT 0,
            events TEXT NOT NULL,
            department TEXT,
            state TEXT NOT NULL DEFAULT 'active',
            made_at TEXT NOT NULL,
            made_by TEXT NOT NULL,
            held_by TEXT,
            held_until REAL NOT NULL DEFAULT 0
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE events (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            type TEXT NOT NULL,
            subject TEXT NOT NULL,
            feedback INTEGER REFERENCES feedback (number) ON DELETE SET NULL,
            made_at TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX events_feedback ON events (feedback) WHERE feedback IS NOT NULL")
    db.execute("CREATE INDEX events_made_at ON events (made_at)")
    db.execute(
        """
        CREATE TABLE deliveries (
            target INTEGER NOT NULL REFERENCES targets (number) ON DELETE CASCADE,
            event INTEGER NOT NULL REFERENCES events (number) ON DELETE CASCADE,
            state TEXT NOT NULL DEFAULT 'pending',
            queued_at REAL NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            due_at REAL NOT NULL DEFAULT 0,
            status INTEGER,
            error TEXT,
            ended_at TEXT,
            PRIMARY KEY (target, event)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX deliveries_pending ON deliveries (target, event) WHERE state = 'pending'")
    db.execute("CREATE INDEX deliveries_dead ON deliveries (target, event) WHERE state = 'dead'")
    db.execute("CREATE INDEX deliveries_event ON deliveries (event)")


@steps(name="0015_privacy")
def _privacy(db: Database) -> None:
    """What was erased, so that it stays erased; where copies were written; secrets of the installation."""
    db.execute("ALTER TABLE feedback ADD COLUMN erased_at TEXT")
    db.execute("CREATE INDEX feedback_customer ON feedback (customer_ref) WHERE customer_ref IS NOT NULL")
    db.execute(
        """
        CREATE TABLE erasures (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            made_at TEXT NOT NULL,
            made_by TEXT NOT NULL,
            kind TEXT NOT NULL,
            subject TEXT,
            reason TEXT,
            feedback INTEGER NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE erased (
            id TEXT PRIMARY KEY,
            source TEXT NOT NULL,
            external_digest TEXT,
            erasure INTEGER NOT NULL REFERENCES erasures (number)
        ) STRICT
        """
    )
    db.execute(
        "CREATE INDEX erased_external ON erased (source, external_digest) WHERE external_digest IS NOT NULL"
    )
    db.execute(
        """
        CREATE TABLE copies (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            path TEXT NOT NULL,
            made_at TEXT NOT NULL,
            made_by TEXT NOT NULL,
            rows INTEGER
        ) STRICT
        """
    )
    db.execute("CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT")


@steps(name="0016_receipts")
def _receipts(db: Database) -> None:
    """Signed messages that came in lately, so that none is taken twice."""
    db.execute("CREATE TABLE receipts (digest TEXT PRIMARY KEY, seen_at REAL NOT NULL) STRICT")


@steps(name="0017_changes")
def _changes(db: Database) -> None:
    """Which feedback changed, in the order of the changes; without a feedback: any may have."""
    db.execute("CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, feedback INTEGER) STRICT")


@steps(name="0018_uploads")
def _uploads(db: Database) -> None:
    """Files that people brought, how far they were read, and, until that is done, their bytes."""
    db.execute(
        """
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            format TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            rows INTEGER NOT NULL,
            columns TEXT NOT NULL,
            mapping TEXT NOT NULL DEFAULT '{}',
            source TEXT,
            dates TEXT NOT NULL DEFAULT 'day-first',
            state TEXT NOT NULL DEFAULT 'waiting',
            author TEXT NOT NULL,
            made_at TEXT NOT NULL,
            started_at TEXT,
            finished_at TEXT,
            after INTEGER NOT NULL DEFAULT 0,
            done INTEGER NOT NULL DEFAULT 0,
            created INTEGER NOT NULL DEFAULT 0,
            known INTEGER NOT NULL DEFAULT 0,
            skipped INTEGER NOT NULL DEFAULT 0,
            queued INTEGER NOT NULL DEFAULT 0,
            bad INTEGER NOT NULL DEFAULT 0,
            problems TEXT NOT NULL DEFAULT '[]',
            error TEXT,
            held_by TEXT,
            held_until REAL NOT NULL DEFAULT 0
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE upload_files (
            upload TEXT PRIMARY KEY REFERENCES uploads (id) ON DELETE CASCADE,
            content BLOB NOT NULL
        ) STRICT
        """
    )


@steps(name="0019_digests")
def _digests(db: Database) -> None:
    """Which department's week was sent by mail."""
    db.execute(
        """
        CREATE TABLE digests (
            week TEXT NOT NULL,
            department TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting',
            attempts INTEGER NOT NULL DEFAULT 0,
            due_at REAL NOT NULL DEFAULT 0,
            held_by TEXT,
            held_until REAL NOT NULL DEFAULT 0,
            sent_at TEXT,
            recipients INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            PRIMARY KEY (week, department)
        ) STRICT, WITHOUT ROWID
        """
    )


def migrate(db: Database) -> list[str]:
    """Applies the pending steps; returns their names.

    Raises:
        SchemaTooNew: ``schema_too_new`` if the database has a step that this version does not know.
    """
    pending, strangers = standing(db)
    if strangers:
        raise SchemaTooNew("schema_too_new", f"the database was written by a newer voc (step {strangers[0]})")
    if pending:
        steps.apply(db)
    return pending


def standing(db: Database) -> tuple[list[str], list[str]]:
    """Steps still to be applied, in order, and steps that this version does not know; reads alone."""
    registered = {step.name for step in steps._migrations}
    strangers = sorted({step.name for step in steps.applied(db)} - registered)
    return [step.name for step in steps.pending(db)], strangers
