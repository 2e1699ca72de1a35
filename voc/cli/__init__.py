"""The command line. Options parse, rooms work, this prints.

Exit statuses: 0 done; 1 some rows were bad, or the command failed; 2 wrong use or settings; 3 a model file
is missing or altered; 4 the database cannot be used.
"""

from __future__ import annotations

from voc.cli.access import keys, people
from voc.cli.audit import audit
from voc.cli.decisions import correct, corrections, review_queue
from voc.cli.digest import digest
from voc.cli.emerging import emerging
from voc.cli.feedback import analyze, export, ingest
from voc.cli.history import reclassify, runs
from voc.cli.learning import learn, models, train
from voc.cli.measuring import evaluate
from voc.cli.operations import backup, doctor, restore
from voc.cli.privacy import privacy
from voc.cli.reading import search, trends
from voc.cli.report import report
from voc.cli.service import demo, init, serve
from voc.cli.shared import main
from voc.cli.topics import topics
from voc.cli.webhooks import webhooks

__all__ = ["main"]

for _command in (
    init, serve, demo, ingest, analyze, export, search, trends, report, topics, reclassify, runs,
    correct, corrections, review_queue, learn, models, train, evaluate, privacy, keys, people, audit,
    webhooks, digest, backup, restore, doctor,
):  # fmt: skip
    main.add_command(_command)
topics.add_command(emerging)
