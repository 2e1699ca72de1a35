"""Texts turned into what the heads read, once per text.

Enters: texts. Leaves: words and vectors. What must hold: the same stages as in serving (`voc.pipeline`),
and vectors rounded as the store rounds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voc.pipeline import Reader


@dataclass(frozen=True, slots=True)
class Table:
    """Words and vectors of n texts: ``vectors`` is float32 (n, n_dims)."""

    words: list[str]
    vectors: NDArray[np.float32]


class TableReader:
    """Reads texts, each once; keeps what it read in a file, so that a second training starts at once."""

    CHUNK = 2_000

    def __init__(self, reader: Reader, cache: Path | None = None) -> None:
        self.reader = reader
        self._cache = cache
        self._words: dict[str, str] = {}
        self._vectors: dict[str, NDArray[np.float16]] = {}
        if cache is not None and cache.exists():
            kept = np.load(cache, allow_pickle=False)
            if str(kept["version"]) == reader.version:
                words = json.loads(kept["words"].tobytes())
                self._words = dict(zip(kept["keys"].tolist(), words, strict=True))
                self._vectors = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def read(self, texts: Sequence[str], progress: Callable[[int], None] = lambda _: None) -> Table:
        """Words and vectors of ``texts``, same order."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24] for text in texts]
        new = list(
            {key: text for key, text in zip(keys, texts, strict=True) if key not in self._words}.items()
        )
        for at in range(0, len(new), self.CHUNK):
            chunk = new[at : at + self.CHUNK]
            _, words, vectors = self.reader.pieces([text for _, text in chunk])
            for (key, _), said, vector in zip(chunk, words, vectors.astype(np.float16), strict=True):
                self._words[key] = said
                self._vectors[key] = vector
            progress(len(chunk))
        if new:
            self._save()
        vectors = np.array([self._vectors[key] for key in keys], np.float32)
        return Table([self._words[key] for key in keys], vectors.reshape(len(keys), -1))

    def _save(self) -> None:
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            keys = list(self._words)
            part = self._cache.with_suffix(".part.npz")  # a kill while writing must not spoil the cache
            np.savez(
                part,
                version=np.array(self.reader.version),
                keys=np.array(keys),
                words=np.frombuffer(json.dumps([self._words[key] for key in keys]).encode(), np.uint8),
                vectors=np.array([self._vectors[key] for key in keys]),
            )
            part.replace(self._cache)
