"""Numbers that belong to a person: phones, papers, cards, accounts.

Enters: a `Plain`. Leaves: finds in order, without overlap. What must hold: a number that words call an
order's, a bill's, a device's or the tax office's is none of these, nor are prices, dates, and numbers of
companies such as 1900 1234. Time grows with the length of the text.

What words announce goes first. A number that nothing announces is a phone's if it is one, then a card's,
then a citizen's, each only if it is built like one, then an account's if a bank's name follows; a bare row
of digits is never an account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stdnum import iban

from voc.privacy import cues, phones
from voc.privacy.digits import Group, has_digits, rows
from voc.privacy.documents import is_card, is_citizen
from voc.privacy.findings import Found, Kind, Stretches
from voc.privacy.plain import Plain

#: No number has more groups or digits.
_MOST = 19
#: Of fewer digits nothing is.
_LEAST = 6
#: A group of so many digits is an account or a code of its own.
_ALONE = 8
#: Digits of an account that only a bank's name, or a word with other senses, announces.
_LEAST_UNSURE = 8
#: Fifteen (ITU-T E.164) and the 00 before them.
_LONGEST_PHONE = 17
#: A phone number of ten digits may have so many letters in place of digits.
_MOST_GUESSED = 4
_LIST = re.compile(
    r"[ \t]*(?:[,/&;|+]|va|voi|and|hoac|hay|or|sang|thanh|doi thanh|to)[ \t]*(?:so[ \t]+|moi[ \t]+)?"
    r"|[ \t]*-[ \t]*|[ \t]+"
)
_SINGLE = re.compile(r"[ .\-]|[ \t]{2}")
_PRICE = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_UNIT = re.compile(
    r"[ \t]?(?:(?:d|vnd|dong|k|tr|trieu|ty|usd|ngan(?! hang)|nghin|cai|chiec|diem|points?|kg|g|gr|gram|ml|l"
    r"|km|m|m2|m3|kwh|mbps|lan|luot|ngay|gio|phut|thang|nguoi|do)(?![^\W_])|[%$€£₫])"
)
_CURRENCY = re.compile(r"(?:[$€£₫]|(?<![^\W_])(?:usd|vnd|rp|rs))[ ]?$")
_PLUS = re.compile(r"\([ ]?\+[ ]?$|\+[ ]?\(?[ ]?$")
_PLUS_SAID = re.compile(r"(?<![^\W_])(?:plus|cong) $")
_URL = re.compile(
    r"(?:https?://|www\.)\S{1,300}|(?<![^\W_@.\-])[a-z0-9-]{2,40}(?:\.[a-z0-9-]{2,40}){0,4}"
    r"\.(?:vn|com|net|org|io|me|ly|shop|store|info|asia|example|co)/\S{0,300}"
)
_CHAT = re.compile(r"(?:https?://)?(?:www\.)?(?:zalo|wa|viber)\.(?:me|vn|com|click)/")
_TAIL = re.compile(r"[A-Z]{1,4}(?![^\W\d_])|[-_/]?[A-Z]+\d|[A-Za-z]\d|-0\d\d(?!\d)")
_MORE = re.compile(r"[1-9]\d{0,5}(?!\d)")
_HEAD = re.compile(r"[A-Z]{1,6}\d{0,4}[-_/]$")
_AMERICAN = re.compile(
    r"(?:1[-. ])?\(?[2-9]\d{2}\) ?[2-9]\d{2}[-. ]\d{4}(?!\d)"
    r"|1([-.])[2-9]\d{2}\1[2-9]\d{2}\1\d{4}(?!\d)|[2-9]\d{2}([-.])[2-9]\d{2}\2\d{4}(?!\d)"
)
_MONEY = re.compile(
    r"(?<![^\W_])(?:ck|chuyen|hoan|refund|transfer|nap|rut|tra|tien|gui|ban|stk|tk|tai khoan)(?![^\W_])"
)
_OWNER = re.compile(r"[ \t,;(\-]{0,3}(?:ctk|chu (?:tk|tai khoan)|ten tk|ten tai khoan)(?![^\W_])")
_IBAN = re.compile(r"(?<![^\W_])[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?(?![^\W_])")


@dataclass(frozen=True, slots=True)
class _Number:
    """Neighbouring groups read as one number.

    Attributes:
        start: with the plus or bracket that belongs to it.
        guessed: how many digits were written as letters.
        spelled: how many groups were written as words.
        plus: whether a plus stands before it.
    """

    start: int
    end: int
    digits: str
    groups: int
    guessed: int
    spelled: int
    plus: bool


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold a number at all, in digits or in words."""
    return has_digits(plain)


def find(plain: Plain) -> list[Found]:
    """The numbers of persons in a text."""
    lines = list(rows(plain))
    found = list(_ibans(plain))
    held = Stretches((one.start, one.end) for one in found).with_these(
        match.span() for match in _URL.finditer(plain.folded) if not _CHAT.match(plain.folded, match.start())
    )
    since, length = 0, 0
    said: cues.Announced = ""
    for row in lines:
        at = 0
        left = sum(len(group.digits) for group in row)
        while at < len(row) and left >= _LEAST:
            group = row[at]
            if held.meet(group.start, group.end):
                left -= len(group.digits)
                at += 1
                continue
            kind = cues.announced(plain, group.start, since)
            if not kind and said and _goes_on(plain, since, group, said, length):
                kind = said
            one, taken = _read(
                plain, row, at, kind, follows=bool(found) and at > 0 and found[-1].end == row[at - 1].end
            )
            if one is not None:
                found.append(one)
            if one is not None or kind:
                since = row[at + taken - 1].end
                if one is not None and one.type == "account":
                    bank = cues.BANK_AFTER.match(plain.folded, since)
                    since = bank.end() if bank else since
                said, length = kind, sum(len(group.digits) for group in row[at : at + taken])
            left -= sum(len(group.digits) for group in row[at : at + taken])
            at += taken
    return sorted(found, key=lambda one: one.start)


def _goes_on(plain: Plain, since: int, group: Group, said: str, length: int) -> bool:
    """Whether the group goes on a list of numbers of one kind."""
    between = plain.folded[since : group.start]
    if len(between) > 12 or not _LIST.fullmatch(between):
        return False
    return said != "code" or (bool(between.strip()) and len(group.digits) == length)


def _ibans(plain: Plain) -> Iterator[Found]:
    for match in _IBAN.finditer(plain.folded):
        value = match[0].replace(" ", "").upper()
        if iban.is_valid(value, check_country=False):
            yield Found(match.start(), match.end(), "account", value)


def _read(
    plain: Plain, row: Sequence[Group], at: int, kind: cues.Announced, *, follows: bool
) -> tuple[Found | None, int]:
    """The number that begins with the group at ``at``, if it is a person's, and how many groups it takes.

    Args:
        follows: whether another number of a person ends right before it.
    """
    if kind == "code" or (not follows and _is_code(plain, row, at, kind)):
        return None, _joined(plain, row, at).groups
    numbers = list(_numbers(plain, row, at))
    whole = _joined(plain, row, at)
    if phones.is_public(whole.digits):
        return None, whole.groups
    for reader in _READERS[kind]:
        one = reader(plain, numbers, whole, kind)
        if one is not None:
            number, type_, value = one
            return Found(number.start, number.end, type_, value), number.groups
    return None, 1


_Result = tuple[_Number, Kind, str] | None


def _numbers(plain: Plain, row: Sequence[Group], at: int) -> Iterator[_Number]:
    """The numbers that begin with one group, the shortest first."""
    start = row[at].start
    plus = None
    if not row[at].digits.startswith("0"):  # "a + 0912…" adds one more number
        signs = _PLUS_SAID if row[at].spelled else _PLUS
        plus = signs.search(plain.folded, max(0, start - 6), start)
    if plus:
        start = plus.start()
    elif start and plain.text[start - 1] == "(":
        start -= 1
    digits, guessed, spelled = "", 0, 0
    for ahead, group in enumerate(row[at : at + _MOST]):
        if plus and digits and group.digits == "0" and plain.text[group.start - 1] == "(":
            continue  # +84 (0)912
        digits += group.digits
        guessed += group.guessed
        spelled += group.spelled
        if len(digits) > _MOST:
            return
        first = start
        if not plus and first < row[at].start and ")" not in plain.text[first : group.end]:
            first = row[at].start
        yield _Number(first, group.end, digits, ahead + 1, guessed, spelled, plus is not None)


def _joined(plain: Plain, row: Sequence[Group], at: int) -> _Number:
    """The account or code that begins with a group: that group if it is long, else all written like one."""
    taken, digits = 1, row[at].digits
    for before, group in zip(row[at:], row[at + 1 :], strict=False):
        if len(row[at].digits) >= _ALONE or len(digits) + len(group.digits) > _MOST:
            break
        if len(group.digits) > (6 if len(digits) >= _ALONE else 10) or phones.national(
            group.digits, announced=False
        ):
            break
        between = plain.text[before.end : group.start]
        if between and not _SINGLE.fullmatch(between) and not group.spelled:
            break
        if _UNIT.match(plain.folded, group.end):
            break
        taken += 1
        digits += group.digits
    last = row[at + taken - 1]
    guessed = sum(group.guessed for group in row[at : at + taken])
    return _Number(row[at].start, last.end, digits, taken, guessed, 0, plus=False)


def _is_code(plain: Plain, row: Sequence[Group], at: int, kind: cues.Announced) -> bool:
    """Whether signs around the digits make them part of a code, a price or a longer number."""
    start = row[at].start
    if start == 0:
        return False
    before = plain.text[start - 1]
    if at and before in ".-/_" and plain.text[row[at - 1].end : start] == before and not kind:
        return True
    if _CURRENCY.search(plain.folded, max(0, start - 5), start):
        return True
    if kind:
        return False
    if before.isalpha():
        word = re.search(r"[^\W\d_]+$", plain.text[max(0, start - 12) : start])
        return word is None or not word[0].islower() or not cues.is_filling(word[0])
    return before == "#" or _HEAD.search(plain.text, max(0, start - 12), start) is not None


def _ends(plain: Plain, number: _Number) -> bool:
    """Whether the number is not the beginning of a longer one or of a code."""
    sign = plain.text[number.end : number.end + 1]
    if (
        sign in (".", "-")
        and sign in plain.text[number.start : number.end]
        and _MORE.match(plain.text, number.end + 1)
    ):
        return False
    return _TAIL.match(plain.text, number.end) is None


def _phone(plain: Plain, numbers: Sequence[_Number], _: _Number, kind: cues.Announced) -> _Result:
    """The first number that can be dialled; after a plus or 00 the longest that is given out."""
    usable = [
        number for number in numbers
        if 8 <= len(number.digits) <= _LONGEST_PHONE and _ends(plain, number)
        and not phones.is_public(number.digits.removeprefix("84"))
    ]  # fmt: skip
    if not usable:
        return None
    announced = kind == "phone"
    if usable[0].plus or usable[0].digits.startswith("00"):
        return _from_abroad(plain, usable)
    if usable[0].digits.startswith("84") and usable[0].spelled:
        usable = usable[::-1]
    for number in usable:
        if number.guessed > _MOST_GUESSED:
            continue
        value = phones.national(
            number.digits,
            announced=announced or (number.groups == number.spelled == 9),
            grouped=number.groups >= 3 and not number.spelled,
        ) or phones.with_country(number.digits)
        if value:
            return number, "phone", value
    for number in usable:
        if _AMERICAN.fullmatch(plain.text, number.start, number.end):
            return number, "phone", "1" + number.digits[-10:]
        if announced and not number.guessed and 8 <= len(number.digits) <= 12:
            value = phones.abroad(number.digits)
            if value:
                return number, "phone", value
    return None


def _from_abroad(plain: Plain, numbers: Sequence[_Number]) -> _Result:
    possible: _Result = None
    for number in reversed(numbers):
        digits = number.digits if number.plus else number.digits[2:]
        if not number.plus and not number.digits.startswith("00"):
            continue
        written = plain.text[number.start : number.end].lstrip("+( ")
        if number.guessed or _PRICE.fullmatch(written) or _UNIT.match(plain.folded, number.end):
            continue
        value = phones.international(digits)
        if value and phones.is_valid(value):
            return number, "phone", value
        if value and number.plus and possible is None:
            possible = number, "phone", value
    return possible


def _paper(plain: Plain, numbers: Sequence[_Number], _: _Number, kind: cues.Announced) -> _Result:
    """Twelve digits, or the nine of the old paper; without words that say so only if built like a
    citizen's."""
    for number in numbers:
        if len(number.digits) not in (9, 12) or number.plus or number.guessed > 1 or not _ends(plain, number):
            continue
        if kind in ("paper", "old paper"):
            if len(number.digits) == 9 and any(len(other.digits) == 12 for other in numbers):
                continue
            return number, "cmnd" if len(number.digits) == 9 or kind == "old paper" else "cccd", number.digits
        if not number.guessed and is_citizen(number.digits) and not cues.speaks_of_codes(plain, number.start):
            return number, "cccd", number.digits
    return None


def _card(plain: Plain, numbers: Sequence[_Number], _: _Number, kind: cues.Announced) -> _Result:
    """The longest number that is a card's, one of sixteen digits before all others but Napas's nineteen."""
    long = [number for number in numbers if len(number.digits) >= 13]
    usual = 19 if long and _is_national(plain, long[-1]) else 16
    for number in sorted(long, key=lambda one: (len(one.digits) != usual, -len(one.digits))):
        if not number.guessed and _ends(plain, number) and is_card(number.digits, announced=kind == "card"):
            return number, "card", number.digits
    return None


def _is_national(plain: Plain, number: _Number) -> bool:
    """Whether nineteen digits are one card of Napas, and not sixteen with something behind them."""
    if len(number.digits) != 19 or not number.digits.startswith("9704"):
        return False
    if _UNIT.match(plain.folded, number.end):
        return False
    return len(set(re.findall(r"\D+", plain.text[number.start : number.end]))) <= 1


def _account(plain: Plain, _: Sequence[_Number], whole: _Number, kind: cues.Announced) -> _Result:
    least = 6 if kind == "account" else _LEAST_UNSURE
    if kind == "bank" and not whole.digits.endswith("00") and _speaks_of_money(plain, whole):
        least = 7
    written = plain.text[whole.start : whole.end]
    if len(whole.digits) < least or whole.guessed > 1 or _UNIT.match(plain.folded, whole.end):
        return None
    if _PRICE.fullmatch(written) and (
        kind != "account" or len(whole.digits) < _LEAST_UNSURE or "," in written
    ):
        return None
    if kind != "account" and whole.digits.endswith("000") and not whole.digits.startswith("0"):
        return None
    return (whole, "account", whole.digits) if _ends(plain, whole) else None


def _account_at_bank(
    plain: Plain, numbers: Sequence[_Number], whole: _Number, kind: cues.Announced
) -> _Result:
    """An account before a bank's name; digits that are a phone's too are one only where money is spoken
    of."""
    if not cues.BANK_AFTER.match(plain.folded, whole.end):
        return None
    is_phone = _phone(plain, numbers, whole, kind) is not None
    if is_phone and kind != "perhaps" and not _speaks_of_money(plain, whole):
        return None
    return _account(plain, numbers, whole, kind)


def _account_after_bank(
    plain: Plain, numbers: Sequence[_Number], whole: _Number, kind: cues.Announced
) -> _Result:
    owned = _OWNER.match(plain.folded, whole.end) is not None
    if _phone(plain, numbers, whole, kind) and not (owned or _speaks_of_money(plain, whole)):
        return None
    return _account(plain, numbers, whole, kind)


def _speaks_of_money(plain: Plain, whole: _Number) -> bool:
    """Whether the words before a number speak of money that goes somewhere."""
    return _MONEY.search(plain.folded, max(0, whole.start - 48), whole.start) is not None


def _spoken_of(plain: Plain, numbers: Sequence[_Number], _: _Number, __: cues.Announced) -> _Result:
    """Nine digits that no word announces, where the old paper is spoken of before them or right behind."""
    for number in numbers:
        if len(number.digits) != 9 or number.plus or number.guessed or not _ends(plain, number):
            continue
        if _PRICE.fullmatch(plain.text[number.start : number.end]) and number.digits.endswith("000"):
            return None
        if cues.speaks_of_old_paper(plain, number.start, number.end):
            return number, "cmnd", number.digits
    return None


_READERS = {
    "": (_account_at_bank, _phone, _card, _paper, _spoken_of),
    "phone": (_phone, _card, _paper),
    "paper": (_paper, _phone, _card),
    "old paper": (_paper, _phone, _card),
    "card": (_card, _phone, _paper),
    "account": (_account,),
    "bank": (_account_after_bank, _card, _phone),
    "perhaps": (_account_at_bank, _card, _phone, _account),
}
