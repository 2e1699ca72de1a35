"""Turns what people send into `Feedback` records, or says exactly what is wrong with it.

Enters: rows as mappings, from JSON, NDJSON, CSV, XLSX, exports of app reviews or mail. Leaves: one `Feedback`
or one `InvalidInput` per row, same order. What must hold: a good row is never lost beside a bad one; every
error names row and field.
"""

from voc.ingest.files import SOURCES, FileFormat, columns_of, decode, format_of, loads, read_file
from voc.ingest.rows import TEXT_MAX_CHARS, FeedbackIn, Row, Scores, ShortText, validate

__all__ = [
    "SOURCES",
    "TEXT_MAX_CHARS",
    "FeedbackIn",
    "FileFormat",
    "Row",
    "Scores",
    "ShortText",
    "columns_of",
    "decode",
    "format_of",
    "loads",
    "read_file",
    "validate",
]
