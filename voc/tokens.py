"""Words with their places. The one room that knows underthesea and spaCy.

Enters: a text and its language. Leaves: `Token`s in order. What must hold: ``text[start:end]`` is what
the customer typed, although underthesea rewrites what it returns (NFC, tone placement, white space).

Vietnamese and mixed text is tokenized by underthesea (words of several syllables stay whole), all other
text by spaCy's rule-based English tokenizer.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence

import spacy
import underthesea

from voc.records import Language, Token
from voc.text import fold_with_map

_lock = threading.Lock()
_english = spacy.blank("en")
_warm = False
#: Signs without a blank after which a text is cut for spaCy: it looks at the rest of such a run anew for each
#: sign that it takes off the end, so that ten thousand of them take it ten seconds.
LONGEST_RUN = 256
_LONG_RUN = re.compile(rf"\S{{{LONGEST_RUN}}}(?=\S)")


def warm_up() -> None:
    """Loads underthesea's model. Its first call is not safe when several threads make it."""
    global _warm
    with _lock:
        if not _warm:
            underthesea.word_tokenize("xin chào")
            _warm = True


def tokenize(text: str, language: Language) -> list[Token]:
    """The words and signs of ``text``."""
    if language in ("vi", "mixed"):
        return _align(text, _vietnamese_words(text))
    return [
        Token(word.text, begin + word.idx, begin + word.idx + len(word.text))
        for begin, piece in _pieces(text)
        for word in _english(piece)
        if not word.is_space
    ]


def words(tokens: Sequence[Token]) -> str:
    """Lower-cased words joined by blanks, the syllables of one word by ``_``: ``"giao_hàng chậm"``."""
    return " ".join("_".join(token.text.lower().split()) for token in tokens)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text with its places, cut within runs of more than `LONGEST_RUN` signs without a blank."""
    begin = 0
    for run in _LONG_RUN.finditer(text):
        yield begin, text[begin : run.end()]
        begin = run.end()
    yield begin, text[begin:]


def _vietnamese_words(text: str) -> list[str]:
    if not _warm:
        warm_up()
    tokenize_words: Callable[[str], list[str]] = underthesea.word_tokenize
    return [word for word in tokenize_words(text) if word.strip()]


def _align(text: str, found: Sequence[str]) -> list[Token]:
    """Finds each word in the text again by its folded letters.

    A word whose letters do not follow (underthesea changed more than marks) is looked for further on, and
    left out if it is nowhere.
    """
    folded, origin = fold_with_map(text)
    tokens: list[Token] = []
    at = 0
    for word in found:
        letters, _ = fold_with_map(word)
        if not letters:
            continue
        place = at if folded.startswith(letters, at) else folded.find(letters, at)
        if place < 0:
            continue
        at = place + len(letters)
        start, end = origin[place], origin[at - 1] + 1
        end = _with_marks(text, end)
        if tokens and start < tokens[-1].end:  # one code point that folds to several letters
            continue
        tokens.append(Token(word, start, end))
    return tokens


def _with_marks(text: str, end: int) -> int:
    """Moves ``end`` past combining marks, so that decomposed letters stay whole."""
    while end < len(text) and not fold_with_map(text[end])[0] and not text[end].isspace():
        end += 1
    return end
