"""Which digits are the number of an identity paper or of a bank card.

Sources: decree 137/2015/NĐ-CP (the twelve digits of the citizen's number: province, century and sex, year,
six more), circular 07/2016/TT-BCA (codes of provinces, 001 to 096); ISO/IEC 7812-1 (Luhn's digit).
"""

from __future__ import annotations

import re

from stdnum import luhn

#: Of the codes 001 to 096 those that a province has.
_PROVINCES = frozenset(
    f"0{code}"
    for code in [
        "01",
        "02",
        "04",
        "06",
        "08",
        "10",
        "11",
        "12",
        "14",
        "15",
        "17",
        "19",
        "20",
        "22",
        "24",
        "25",
        "26",
        "27",
        "30",
        "31",
        "33",
        "34",
        "35",
        "36",
        "37",
        "38",
        "40",
        "42",
        "44",
        "45",
        "46",
        "48",
        "49",
        "51",
        "52",
        "54",
        "56",
        "58",
        "60",
        "62",
        "64",
        "66",
        "67",
        "68",
        "70",
        "72",
        "74",
        "75",
        "77",
        "79",
        "80",
        "82",
        "83",
        "84",
        "86",
        "87",
        "89",
        "91",
        "92",
        "93",
        "94",
        "95",
        "96",
    ]
)
#: Prefixes and lengths of the card schemes.
_SCHEMES = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|6(?:011|5\d{2}|4[4-9]\d)\d{12}|62\d{14,17}|9704\d{12}(?:\d{3})?"
)


def is_citizen(digits: str) -> bool:
    """Whether twelve digits are built like the number of a citizen born between 1925 and 2024."""
    if len(digits) != 12 or digits[:3] not in _PROVINCES or digits[3] not in "0123":
        return False
    year = int(digits[4:6])
    return year >= 25 if digits[3] in "01" else year <= 24


def is_card(digits: str, *, announced: bool) -> bool:
    """Whether they are the number of a bank card.

    Args:
        announced: whether words say so; then any scheme counts, and Napas numbers (9704) without Luhn's
        digit.
    """
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    if announced and digits.startswith("9704") and len(digits) >= 16:
        return True
    if not luhn.is_valid(digits):
        return False
    return announced or _SCHEMES.fullmatch(digits) is not None
