"""Texts turned into what the heads read, once per text.

Enters: texts and pieces of texts. Leaves: words and vectors. What must hold: the same stages as in serving
(`voc.pipeline`), a piece read inside the text it stands in, and vectors rounded as the store rounds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voc import segment as segmenting
from voc.pipeline import Reader
from voc.records import Span


class Piece(NamedTuple):
    """One row of the reading of a text.

    Attributes:
        spans: the segments of the text; None cuts it as the service does.
        row: 0 for the whole, 1 and on for the segments where there are several.
    """

    text: str
    spans: tuple[tuple[int, int], ...] | None = None
    row: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Words and vectors of n pieces: ``vectors`` is float32 (n, n_dims)."""

    words: list[str]
    vectors: NDArray[np.float32]


class TableReader:
    """Reads texts, each once; keeps what it read in a file, so that a second training starts at once."""

    CHUNK = 2_000

    def __init__(self, reader: Reader, cache: Path | None = None) -> None:
        self.reader = reader
        self._cache = cache
        self._words: dict[str, list[str]] = {}
        self._vectors: dict[str, NDArray[np.float16]] = {}
        if cache is not None and cache.exists():
            kept = np.load(cache, allow_pickle=False)
            if str(kept["version"]) == reader.version:
                self._words = json.loads(kept["words"].tobytes())
                ends = np.cumsum([len(words) for words in self._words.values()])
                self._vectors = dict(zip(self._words, np.split(kept["vectors"], ends[:-1]), strict=True))

    def read(self, texts: Sequence[str]) -> Table:
        """Words and vectors of whole texts, same order."""
        return self.rows([Piece(text) for text in texts])

    def rows(self, pieces: Sequence[Piece]) -> Table:
        """Words and vectors of pieces, same order."""
        keys = [_key(piece) for piece in pieces]
        new = {key: piece for key, piece in zip(keys, pieces, strict=True) if key not in self._words}
        waiting = list(new.items())
        for at in range(0, len(waiting), self.CHUNK):
            chunk = waiting[at : at + self.CHUNK]
            texts = [piece.text for _, piece in chunk]
            readings = self.reader.read_spans(texts, [_spans(piece) for _, piece in chunk])
            for (key, _), reading in zip(chunk, readings, strict=True):
                self._words[key] = list(reading.words) or [""]  # a text in which nothing can be read
                rows = reading.vectors if len(reading.vectors) else np.zeros((1, self.reader.encoder.n_dims))
                self._vectors[key] = rows.astype(np.float16)
        if new:
            self._save()
        vectors = np.array(
            [self._vectors[key][piece.row] for key, piece in zip(keys, pieces, strict=True)], np.float32
        )
        words = [self._words[key][piece.row] for key, piece in zip(keys, pieces, strict=True)]
        return Table(words, vectors.reshape(len(keys), -1))

    def _save(self) -> None:
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            part = self._cache.with_suffix(".part.npz")  # a kill while writing must not spoil the cache
            np.savez(
                part,
                version=np.array(self.reader.version),
                words=np.frombuffer(json.dumps(self._words).encode(), np.uint8),
                vectors=np.concatenate(list(self._vectors.values())),
            )
            part.replace(self._cache)


def _key(piece: Piece) -> str:
    said = f"{piece.spans} {piece.text}".encode("utf-8", "replace")
    return hashlib.sha256(said).hexdigest()[:24]


def _spans(piece: Piece) -> tuple[Span, ...]:
    if piece.spans is None:
        return segmenting.segment(piece.text)
    return tuple(Span(start, end) for start, end in piece.spans)
