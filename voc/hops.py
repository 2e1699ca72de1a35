"""Reads from a text the chain of departments that a customer turned to or was sent to.

Enters: a text, and a company's own names of places if it has any. Leaves: base department keys in order, the
first included, returns kept, no two neighbours the same; the empty tuple where the customer turned to one
place only. What must hold: time is linear in the length of the text; a department merely mentioned is no hop.

The places and words stand in ``hops.toml``. A text becomes a row of signs (a place, a verb of turning to,
of saying, of handing on, a stop), read once from left to right. A place is a hop where the customer turns to
it or is handed on to it, or where it is what speaks; whoever speaks is where the customer is.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from voc.records import BASE_DEPARTMENTS
from voc.text import fold, fold_word

#: Longer texts are read up to here: no letter that people write is longer.
MAX_CHARS = 20_000
#: A verb has to stand within so many signs of its place.
REACH = 5
#: The share of words with diacritics from which a Vietnamese text counts as typed with them.
DIACRITICS = 0.1
#: The share of everyday English words from which a text without diacritics counts as English.
ENGLISH = 0.08
#: Signs after a word of coming back within which its place is looked for.
BACK_REACH = 6
#: Signs between two places that belong to one story.
CLOSE = 24
#: The same where there are two places only, which more often have nothing to do with each other.
NEAR = 14

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|\n+|[^\w\s-]")
_SLOT = re.compile(r"<(\w+)>")
_HARD = frozenset(".!?;…")
_ARROWS = frozenset(":👉→➡")
_ARTICLES = frozenset({"the", "your", "our", "my", "their", "a", "an", "cái", "mấy", "các", "bên"})
_ENGLISH = frozenset(
    {"the", "and", "of", "is", "it", "was", "they", "i", "my", "for", "you", "that", "not", "with"}
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One phrase of the lexicon: its words as written, what it is, and the department of a place."""

    words: tuple[str, ...]
    roles: frozenset[str]
    department: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    base: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", tuple(fold(word) for word in self.words))


@dataclass(frozen=True, slots=True)
class _Sign:
    """One phrase found, or one word or stop that is none."""

    text: str
    roles: frozenset[str]
    department: str = ""


@dataclass(slots=True)
class _Lexicon:
    """Entries by their first folded word, longest first, and the words that show a setting.

    Attributes:
        places: folded names of places by their first word.
    """

    entries: dict[str, list[_Entry]]
    settings: dict[str, frozenset[str]]
    places: dict[str, list[tuple[str, ...]]] = field(init=False)

    def __post_init__(self) -> None:
        self.places = {
            first: found
            for first, row in self.entries.items()
            if (found := [entry.base for entry in row if "place" in entry.roles])
        }


@dataclass(slots=True)
class _Hop:
    """A department, how it was reached, and the signs at which it is first and last spoken of.

    Attributes:
        sent: somebody sent the customer there.
        reached: the customer was there, and not only told to ask there.
    """

    department: str
    how: str
    at: int
    until: int
    sent: bool
    reached: bool


def find_hops(text: str, names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The chain of departments in ``text``.

    Args:
        text: what the customer wrote, in Vietnamese, with or without diacritics, English or both.
        names: a company's own names of places, each with the base department that it belongs to.

    Raises:
        ValueError: a name leads to no base department.
    """
    lexicon = _with(_lexicon(), names or {})
    words = _words(text[:MAX_CHARS])
    if _most_places(words, lexicon) < 2:
        return ()
    hops = _hops(list(_signs(words, lexicon)))
    return tuple(hop.department for hop in hops) if _is_chain(hops) else ()


@cache
def _lexicon() -> _Lexicon:
    content = tomllib.loads(Path(__file__).with_name("hops.toml").read_text("utf-8"))
    return _build(content)


def _build(content: Mapping[str, Any]) -> _Lexicon:
    roles: dict[tuple[str, ...], set[str]] = {}
    places: dict[tuple[str, ...], tuple[str, tuple[tuple[str, str], ...]]] = {}
    for role, phrases in content["words"].items():
        for phrase in phrases:
            for one in _spelled(phrase, content["words"]):
                roles.setdefault(_words(one), set()).add(role)
    # A name written out wins over one that comes of a slot, wherever it stands.
    named = [(place, name) for place in content["places"] for name in place["names"]]
    for place, name in sorted(named, key=lambda one: "<" in one[1]):
        for one in _spelled(name, content["words"]):
            key = _words(one)
            if key in places:
                continue
            places[key] = (place["department"], tuple(place.get("in", {}).items()))
            kind = "place" if place["department"] else "mask"
            roles.setdefault(key, set()).update({kind, "weak"} if place.get("weak") else {kind})
    entries: dict[str, list[_Entry]] = {}
    for words, found in roles.items():
        entry = _Entry(words, frozenset(found), *places.get(words, ("", ())))
        entries.setdefault(fold(words[0]), []).append(entry)
    for row in entries.values():
        row.sort(key=lambda entry: -len(entry.words))
    settings = {name: _cues(phrases) for name, phrases in content["settings"].items()}
    return _Lexicon(entries, settings)


def _cues(phrases: Sequence[str]) -> frozenset[str]:
    """What shows a setting, between blanks; without diacritics only where several words leave no doubt."""
    written = {" ".join(_words(phrase)) for phrase in phrases}
    return frozenset(f" {cue} " for cue in written | {fold(cue) for cue in written if " " in cue})


def _spelled(phrase: str, words: Mapping[str, Sequence[str]]) -> list[str]:
    """The phrase with each word of a list in the place of its ``<name>``."""
    slot = _SLOT.search(phrase)
    return [phrase.replace(slot[0], word) for word in words[slot[1]]] if slot else [phrase]


def _with(lexicon: _Lexicon, names: Mapping[str, str]) -> _Lexicon:
    """The lexicon and a company's own names, which win over an entry that is spelled the same."""
    if not names:
        return lexicon
    unknown = sorted(set(names.values()) - set(BASE_DEPARTMENTS))
    if unknown:
        raise ValueError(f"names: must lead to {', '.join(BASE_DEPARTMENTS)}, got {', '.join(unknown)}")
    entries = dict(lexicon.entries)
    for name, department in names.items():
        words = _words(name)
        if words:
            own = _Entry(words, frozenset({"place"}), department)
            first = fold(words[0])
            row = [own, *entries.get(first, [])]
            entries[first] = sorted(row, key=lambda entry: -len(entry.words))
    return _Lexicon(entries, lexicon.settings)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(unicodedata.normalize("NFC", text).lower()))


def _signs(words: Sequence[str], lexicon: _Lexicon) -> Iterator[_Sign]:
    """The text as signs, the longest phrase first."""
    bare = tuple(fold_word(word) for word in words)
    plain = _is_plain(words, bare)
    written = f" {' '.join(words)} {' '.join(bare) if plain else ''} "
    setting = {name for name, shown in lexicon.settings.items() if any(cue in written for cue in shown)}
    at = 0
    while at < len(words):
        entry = _match(words, bare, at, lexicon, plain)
        if entry is None:
            yield _Sign(words[at], frozenset({"stop"} if words[at] in _HARD or words[at][0] == "\n" else ()))
            at += 1
            continue
        department = next((other for name, other in entry.settings if name in setting), entry.department)
        yield _Sign(" ".join(words[at : at + len(entry.words)]), entry.roles, department)
        at += len(entry.words)


def _most_places(words: Sequence[str], lexicon: _Lexicon) -> int:
    """How many places can be named at most: most texts name fewer than two, and need no closer look."""
    bare = tuple(map(fold_word, words))
    begun = [at for at, word in enumerate(bare) if word in lexicon.places]
    return sum(any(bare[at : at + len(base)] == base for base in lexicon.places[bare[at]]) for at in begun)


def _is_plain(words: Sequence[str], bare: Sequence[str]) -> bool:
    """Whether the text is Vietnamese typed without diacritics, where ``kho`` may be any of its tones."""
    letters = [(word, base) for word, base in zip(words, bare, strict=True) if word[0].isalpha()]
    if not letters:
        return False
    marked = sum(word != base for word, base in letters)
    english = sum(word in _ENGLISH for word, _ in letters)
    return marked < DIACRITICS * len(letters) and english < ENGLISH * len(letters)


def _match(
    words: Sequence[str], bare: tuple[str, ...], at: int, lexicon: _Lexicon, plain: bool
) -> _Entry | None:
    for entry in lexicon.entries.get(bare[at], ()):
        if bare[at : at + len(entry.words)] != entry.base:
            continue
        if all(
            _same(words[at + i], bare[at + i], word, plain or len(entry.words) > 1)
            for i, word in enumerate(entry.words)
        ):
            return entry
    return None


def _same(word: str, base: str, wanted: str, loose: bool) -> bool:
    """Whether a word is the wanted one; ``loose``: also where it was typed without its diacritics."""
    return word == wanted or (loose and word == base and base == fold_word(wanted))


def _hops(signs: Sequence[_Sign]) -> list[_Hop]:
    """Every place that the customer was at or was sent to, neighbours of one department merged."""
    hops: list[_Hop] = []
    named: int | None = None
    for at, sign in enumerate(signs):
        if "place" in sign.roles:
            how = _how(signs, at)
            if how:
                sent = how != "tell" and _is_sent(signs, at)
                if sent and named is not None and at - named <= CLOSE:
                    # Who sends on is where the customer was, however far from its verb it was named.
                    _add(hops, _Hop(signs[named].department, "tell", named, named, False, True))
                _add(hops, _Hop(sign.department, how, at, at, sent, _is_reached(signs, at, how, sent)))
            named = None if how or _before(signs, at) == "bar" else at
        elif "home" in sign.roles and len(hops) > 1 and _is_bare(signs, at):
            _add(hops, _Hop(hops[-2].department, "back", at, at, False, True))
    if hops and _is_left_open(hops, len(signs)):
        hops.pop()
    return hops


def _is_left_open(hops: Sequence[_Hop], end: int) -> bool:
    """Whether the text ends with being sent in a circle: the customer did not go there again."""
    last = hops[-1]
    known = any(hop.department == last.department for hop in hops[:-1])
    return known and not last.reached and end - last.until <= NEAR


def _is_reached(signs: Sequence[_Sign], at: int, how: str, sent: bool) -> bool:
    """Whether the customer was at the place, and not only told to ask there."""
    return how != "turn" or not sent or bool(_after(signs, at))


def _add(hops: list[_Hop], hop: _Hop) -> None:
    if hops and hops[-1].department == hop.department:
        hops[-1].until = hop.at
        hops[-1].reached |= hop.reached
    else:
        hops.append(hop)


def _is_bare(signs: Sequence[_Sign], at: int) -> bool:
    """Whether coming back is said without a place: then it is to where the customer was before."""
    for sign in signs[at + 1 : at + 1 + BACK_REACH]:
        if "place" in sign.roles:
            return False
        if "stop" in sign.roles:
            return True
    return True


def _is_sent(signs: Sequence[_Sign], at: int) -> bool:
    """Whether somebody sends the customer to this place: handed on, or told and then a verb of turning."""
    turned = False
    for step in range(1, REACH + 3):
        if at - step < 0:
            return False
        sign = signs[at - step]
        if "stop" in sign.roles or "place" in sign.roles:
            return "place" in sign.roles and turned and step <= 3
        if "push" in sign.roles:
            return True
        if turned and "tell" in sign.roles:
            return True
        if sign.roles & {"turn", "back"}:
            turned = True
    return False


def _how(signs: Sequence[_Sign], at: int) -> str:
    """How a place is reached: ``turn``, ``push``, ``back``, ``tell`` (it speaks) or not at all."""
    before = _before(signs, at)
    if "weak" in signs[at].roles and _sends_on(signs, at):
        return "tell"
    if before == "bar" or (before != "back" and _is_owner(signs, at)):
        return ""
    if "weak" in signs[at].roles:
        # An app or a page is mostly what the text is about: it is a hop only where the customer writes to
        # it, is sent to it or comes back to it.
        met = before == "back" or _is_sent(signs, at) or "write" in signs[at - 1].roles
        return before if met else ""
    return before or _after(signs, at) or ("tell" if _is_subject(signs, at) else "")


def _is_subject(signs: Sequence[_Sign], at: int) -> bool:
    """Whether a sentence begins with the place: whatever it did, the customer had to do with it."""
    start = at - 1
    while start >= 0 and signs[start].text in _ARTICLES:
        start -= 1
    return start < 0 or "stop" in signs[start].roles


def _is_owner(signs: Sequence[_Sign], at: int) -> bool:
    """Whether the place is only said to be the one that may do something (``X mới làm được``)."""
    return at + 1 < len(signs) and "alone" in signs[at + 1].roles


def _sends_on(signs: Sequence[_Sign], at: int) -> bool:
    """Whether the place says or shows where to go next."""
    for step in range(at + 1, min(at + 14, len(signs))):
        if "stop" in signs[step].roles:
            return False
        if "place" in signs[step].roles:
            return _is_sent(signs, step)
    return False


def _before(signs: Sequence[_Sign], at: int) -> str:
    for step in range(1, REACH + 1):
        if at - step < 0:
            return ""
        sign = signs[at - step]
        if "stop" in sign.roles or "place" in sign.roles:
            return ""
        for role in ("back", "push", "turn"):
            if role in sign.roles:
                return "bar" if _is_denied(signs, at - step) else role
        if step <= 2 and "bar" in sign.roles:
            return "bar"
    return ""


def _is_denied(signs: Sequence[_Sign], at: int) -> bool:
    return any("deny" in sign.roles for sign in signs[max(0, at - 2) : at])


def _after(signs: Sequence[_Sign], at: int) -> str:
    for step in range(1, REACH + 1):
        if at + step >= len(signs):
            return ""
        sign = signs[at + step]
        if sign.text in _ARROWS:
            return "tell"
        if "stop" in sign.roles or "place" in sign.roles:
            return ""
        if sign.roles & {"tell", "push", "act"}:
            return "tell"
    return ""


def _is_chain(hops: Sequence[_Hop]) -> bool:
    """Whether there is evidence of a chain: being sent on, or three places close together, or a return."""
    if len(hops) < 2:
        return False
    close = sum(after.at - before.until <= CLOSE for before, after in pairwise(hops))
    sent = sum(hop.sent for hop in hops[1:])
    returned = len({hop.department for hop in hops}) < len(hops)
    if len(hops) == 2:
        return bool(sent) and hops[1].at - hops[0].until <= NEAR
    return close > 1 or bool(close and (sent or returned))
