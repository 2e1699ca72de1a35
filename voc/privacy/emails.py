"""E-mail addresses, plain and disguised.

Enters: a `Plain`. Leaves: finds in order. What must hold: time grows with the length of the text; a mention
(``@shop``) is no address. Addresses of companies (``cskh@…``) count like all others: nothing in them tells
whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voc.privacy.findings import Found
from voc.privacy.lists import words
from voc.privacy.plain import Plain

_AT = re.compile(
    r"[ ]?[(\[{<][ ]{0,2}(?:at|a|@|a[ ]?cong|a[ ]?vong|a[ ]?moc)[ ]{0,2}[)\]}>][ ]?|[ ]?@[ ]?"
    r"|[ _](?:a[ ]?cong|a[ ]?vong|a[ ]?moc|at)[ _]"
)
#: Without one of these there is no address.
_HINT = re.compile(r"@|[ _(\[{<](?:at|a|a[ ]?cong|a[ ]?vong|a[ ]?moc)[ _)\]}>]")
_LOCAL = re.compile(r"[\w.+%'\-]")
_LOCAL_WORD = re.compile(r"(?:[\w+%\-]{1,64})$")
_DOT = (
    r"(?:[ ]?[(\[{][ ]?(?:dot|cham|\.)[ ]?[)\]}][ ]?|[ _](?:dot|cham)[ _]|\.|[ ]\.[ ]?"
    r"|,(?=(?:com|net|vn)(?![^\W_])))"
)
_DOMAIN = re.compile(
    rf"[a-z0-9](?:[a-z0-9\-]{{0,62}}[a-z0-9])?(?:{_DOT}[a-z0-9](?:[a-z0-9\-]{{0,62}}[a-z0-9])?){{0,5}}"
)
_STEP = re.compile(_DOT)
_PROVIDERS = words("emails", "providers")
#: Providers whose name needs no ending.
_SURE = frozenset(["gmail", "yahoo", "hotmail", "outlook", "icloud", "protonmail", "ymail", "rediffmail"])
_ENDINGS = words("emails", "endings")
_SPOKEN_DOT = re.compile(
    r"(?:[ _](?:dot|cham|gach duoi|underscore|gach ngang|dash)[ _]|[ ]?[(\[](?:dot|cham)[)\]][ ]?)$"
)
_MOST_LOCAL = 64
_NO_LOCAL = frozenset(
    ["mail", "email", "gmail", "la", "is", "la:", "at", "my", "to", "o", "tai", "contact", "me"]
)


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold an address for mail at all."""
    return _HINT.search(plain.folded) is not None


def find(plain: Plain) -> list[Found]:
    """The e-mail addresses in a text."""
    return list(_finds(plain))


def _finds(plain: Plain) -> Iterator[Found]:
    text = plain.folded
    since = 0
    for match in _AT.finditer(text):
        if match.start() < since:
            continue
        start = _local(plain, since, match.start())
        sign = match[0]
        loose = "@" not in sign
        domain = _domain(text, match.end(), loose=loose and not set(sign) & set("([{<"))
        if start is None or domain is None:
            continue
        end, host = domain
        written = text[start : match.start()]
        if sign != "@" and not _is_sure(written, sign, host):
            continue
        since = end
        yield Found(start, end, "email", f"{_dotted(written)}@{host}")


def _local(plain: Plain, since: int, end: int) -> int | None:
    """Where the part before the sign begins, with dots said as words; None if there is none."""
    text = plain.folded
    start = end
    while (
        start > since
        and end - start < _MOST_LOCAL
        and _LOCAL.match(text[start - 1])
        and (text[start - 1].isascii())
    ):
        start -= 1
    while start < end:
        spoken = _SPOKEN_DOT.search(text, max(since, start - 14), start)
        if spoken is None or end - start >= _MOST_LOCAL:
            break
        word = re.search(r"[\w+%\-]+$", text[max(since, spoken.start() - 32) : spoken.start()])
        if word is None:
            break
        start = spoken.start() - len(word[0])
    while start < end and text[start] in ".'-%+":
        start += 1
    written = text[start:end].rstrip(".'")
    return start if len(written) == end - start and re.search(r"[a-z0-9]", written) else None


def _domain(text: str, start: int, *, loose: bool) -> tuple[int, str] | None:
    """Where the part after the sign ends, and its name; None if it is none.

    Args:
        loose: whether the sign was a mere word; then the name has to be a mail provider's.
    """
    match = _DOMAIN.match(text, start, start + 256)
    if match is None:
        return None
    labels: list[tuple[str, int]] = []
    at = start
    for step in [*_STEP.finditer(text, start, match.end()), None]:
        edge = step.start() if step else match.end()
        labels.append((text[at:edge], edge))
        at = step.end() if step else edge
    last = 0
    for number, (label, _) in enumerate(labels[1:], start=1):
        after = labels[number + 1][0] if number + 1 < len(labels) else ""
        if label in _ENDINGS and (last == 0 or len(label) == 2 or (len(after) == 2 and after in _ENDINGS)):
            last = number
        elif last:
            break
    if not last:
        if labels[0][0] in _SURE and (len(labels) == 1 or not labels[1][0].isalpha()):
            return labels[0][1], labels[0][0]
        if len(labels) > 1 and not loose and labels[-1][0].isalpha() and 2 <= len(labels[-1][0]) <= 10:
            last = len(labels) - 1
        elif labels[0][0] in _SURE:
            return labels[0][1], labels[0][0]
        else:
            return None
    if (
        loose
        and labels[0][0] not in _PROVIDERS
        and not any(
            word in text[start : labels[last][1]]
            for word in (" dot ", " cham ", "[dot]", "(dot)", "[cham]", "(cham)")
        )
    ):
        return None
    return labels[last][1], ".".join(label for label, _ in labels[: last + 1])


def _is_sure(local: str, sign: str, host: str) -> bool:
    """Whether a disguised address is one: words like "at" stand in any sentence."""
    first = host.split(".")[0]
    if sign.strip(" ()[]{}<>") == "a" and first not in _PROVIDERS:
        return False
    if "@" not in sign and "." not in host and len(local) < 5:
        return False
    if not re.search(r"[a-z]", local):
        return False
    if sign.strip() == "@":
        return first in _PROVIDERS or (sign != " @" and "." in host and local not in _NO_LOCAL)
    if local in _NO_LOCAL and len(local) < 4:
        return False
    if set(sign) & set("([{<") or "cong" in sign or "vong" in sign or "moc" in sign:
        return True
    return first in _PROVIDERS or re.search(r"[\d._]| dot ", local) is not None


def _dotted(local: str) -> str:
    """The part before the sign with dots and lines said as words written out."""
    for said, char in ((r"dot|cham", "."), (r"gach duoi|underscore", "_"), (r"gach ngang|dash", "-")):
        local = re.sub(rf"[ _]?[(\[]?(?<![^\W_])(?:{said})(?![^\W_])[)\]]?[ _]?", char, local)
    return local
