"""Which digits are a telephone number of a person.

Source of the Vietnamese ranges: the numbering plan of the Ministry of Information and Communications
(circular 22/2014/TT-BTTTT with the change of mobile codes of 2018); of all other countries: the library
phonenumbers.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Mobile codes 03, 05, 07, 08, 09 with eight more digits.
_MOBILE = re.compile(r"0[35789]\d{8}")
#: Codes that are not given out; tax codes begin with them.
_NOT_GIVEN = re.compile(r"0(?:30|31|50|51|53|54)")
_LANDLINE = re.compile(r"02(?:0[3-9]|1[0-689]|2[0125-9]|3[2-9]|[48]\d|5[124-9]|6[039]|7[0-7]|9[0-4679])\d{7}")
#: Of eleven digits until 2018, by the code that took its place.
_RENAMED = {
    "0162": "032", "0163": "033", "0164": "034", "0165": "035", "0166": "036", "0167": "037", "0168": "038",
    "0169": "039", "0120": "070", "0121": "079", "0122": "077", "0126": "076", "0128": "078", "0123": "083",
    "0124": "084", "0125": "085", "0127": "081", "0129": "082", "0186": "056", "0188": "058", "0199": "059",
}  # fmt: skip
_OLD_LANDLINE = re.compile(r"0(?:4|8)[23567]\d{7}|0(?:[235679]\d)[2356]\d{6}|0[2357]\d{2}[2356]\d{6}")
#: Numbers of companies, for anybody to call.
_PUBLIC = re.compile(r"(?:84|0)?1[89]00\d{2,6}")
#: Where a number without a country may come from.
_ABROAD = (
    "US",
    "GB",
    "AU",
    "SG",
    "IN",
    "FR",
    "DE",
    "JP",
    "KR",
    "TH",
    "MY",
    "HK",
    "TW",
    "NZ",
    "IE",
    "PH",
    "LA",
    "KH",
    "CN",
    "RU",
)


def is_public(digits: str) -> bool:
    """Whether it is a number like 1900 1234 or 1800 1091, which is nobody's own."""
    return _PUBLIC.fullmatch(digits) is not None


def national(digits: str, *, announced: bool, grouped: bool = False) -> str | None:
    """The number in international form if ``digits`` are a Vietnamese number as dialled at home, or None.

    Args:
        announced: whether words say that it is a phone number; numbers without their 0, of eleven digits as
            until 2018, or in ranges that are not given out count only then.
        grouped: whether it is written in groups, as nobody writes a code; then eleven digits count too.
    """
    if _MOBILE.fullmatch(digits) and (announced or not _NOT_GIVEN.match(digits)):
        return "84" + digits[1:]
    if _LANDLINE.fullmatch(digits):
        return "84" + digits[1:]
    if (announced or grouped) and len(digits) == 11 and digits[:4] in _RENAMED:
        return "84" + _RENAMED[digits[:4]][1:] + digits[4:]
    if not announced:
        return None
    if len(digits) == 9 and _MOBILE.fullmatch("0" + digits):
        return "84" + digits
    if _OLD_LANDLINE.fullmatch(digits):
        return "84" + digits[1:]
    return None


def with_country(digits: str) -> str | None:
    """The number in international form if ``digits`` begin with 84 and the rest is a Vietnamese number."""
    if not digits.startswith("84"):
        return None
    rest = digits[2:].removeprefix("0")
    if rest[:2] in ("84",):
        return None
    return national("0" + rest, announced=False)


@lru_cache(maxsize=4096)
def international(digits: str) -> str | None:
    """The number if ``digits``, which stood after a plus or 00, are one of any country, or None.

    Numbers that countries keep for films and books count too.
    """
    if digits.startswith("840"):
        digits = "84" + digits[3:]
    if not 8 <= len(digits) <= 15 or is_public(digits):
        return None
    import phonenumbers

    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    return digits if phonenumbers.is_possible_number(number) else None


@lru_cache(maxsize=4096)
def is_valid(digits: str) -> bool:
    """Whether an international number lies in a range that is given out."""
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4096)
def abroad(digits: str) -> str | None:
    """The number in international form if ``digits`` are one as dialled at home in some other country."""
    import phonenumbers

    for region in _ABROAD:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return f"{number.country_code}{number.national_number}"
    return None
