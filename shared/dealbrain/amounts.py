"""Amounts of money in a line of text: those in US dollars, and those that are not. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dealbrain import facts

_CODES = (
    r"eur|gbp|cad|aud|nzd|chf|jpy|cny|rmb|inr|sek|nok|dkk|pln|czk|huf|brl|mxn|hkd|sgd|krw|zar|rub"
    r"|euros?|pounds?|yen|yuan"
)
_SIGNS = "€£¥₹₽₩₺"
# Roubles, in Cyrillic.
_RUB = "\u0440\u0443\u0431"
# Other countries' dollars. "A $300 laptop" is none of Australia's, and in "USB-C $20" there is no Canada.
_OTHER_DOLLARS = r"(?<![-\w])(?:c|ca|au|nz|hk|mx|nt)\s?\$|\b[asr]\$"
_OTHER = re.compile(rf"{_OTHER_DOLLARS}|[{_SIGNS}円元]|\b(?:{_CODES}|kr)\b|zł|{_RUB}", re.IGNORECASE)
_FOREIGN = re.compile(
    rf"""(?:{_OTHER_DOLLARS}|[{_SIGNS}]|\b(?:{_CODES})\b)\s?\d[\d.,]*
    |\$?(?<![\w.,])\d[\d.,]*\s?(?:[{_SIGNS}円元]|(?:{_CODES}|zł|kr|{_RUB})(?!\w))""",
    re.VERBOSE | re.IGNORECASE,
)

_AMOUNT = r"(?:\d{1,3}(?:,\d{3})+|\d{1,7})(?:\.\d{1,2})?(?!\d|[.,]\d|\s?k\b|%)"
_DOLLARS = re.compile(
    rf"(?:\bus\s?|\busd\s?|(?<![\w$]))\$\s?(?P<behind_sign>{_AMOUNT})|\busd\s?(?P<behind_code>{_AMOUNT})"
    rf"|(?<![\w.,$])(?P<before>{_AMOUNT})\s?(?:usd|us\s?\$|us dollars|dollars|\$)(?![\w$])",
    re.IGNORECASE,
)
# Dollars that are not the price: what it once was, what is saved, what else is paid.
_OTHERWISE_BEFORE = re.compile(
    r"(?:\b(?:was|were|save[sd]?|saving|msrp|rrp|srp|retail|list|original|originally|worth|value|shipping|postage"
    r"|delivery|deposit|fee|tax|reg|regular)\b\W{0,3}(?:\w{1,8}\W{1,2})?|\+\s?)$",
    re.IGNORECASE,
)
_OTHERWISE_AFTER = re.compile(
    r"\s?(?:off\b|shipping|s&h|postage|delivery|/\s?mo|per\smonth|a\smonth|monthly|value\b|gift|credit|coupon"
    r"|discount|cash\s?back|fee\b|deposit|less\b)",
    re.IGNORECASE,
)
_PRICE_LABEL = re.compile(
    r"(?:\b(?:price|buy it now|now|only|asking|preis|precio|prix|prezzo|prijs)|цена|价格|価格)\W{0,3}$",
    re.IGNORECASE,
)
_TO = re.compile(r"\s?(?:to|-|\N{EN DASH}|bis)\s?", re.IGNORECASE)
# How many letters before and after an amount tell what it is.
_BESIDE = 30


@dataclass(frozen=True)
class Price:
    """An amount in US dollars that may be a price; of a range the low end."""

    amount: Decimal
    is_labelled: bool
    """Whether it is called the price."""
    is_range: bool


def other_currency(text: str) -> str | None:
    """The sign, code or name of a currency other than the US dollar; None where there is none."""
    found = _OTHER.search(text)
    return found and found[0]


def foreign(line: str) -> list[str]:
    """The amounts in other currencies, as written."""
    return [match[0].strip() for match in _FOREIGN.finditer(line)]


def prices(line: str) -> Iterator[Price]:
    """The amounts in US dollars, but for those the words beside them say are none of the price."""
    rest = _FOREIGN.sub(" ", line)
    matches = list(_DOLLARS.finditer(rest))
    for match, following in zip(matches, [*matches[1:], None], strict=False):
        amount = Decimal(match[match.lastgroup or 0].replace(",", ""))
        before, after = rest[max(0, match.start() - _BESIDE) : match.start()], rest[match.end() :][:_BESIDE]
        is_range = following is not None and bool(_TO.fullmatch(rest, match.end(), following.start()))
        otherwise = _OTHERWISE_BEFORE.search(before) or _OTHERWISE_AFTER.match(after)
        if not otherwise and 0 < amount <= Decimal(str(facts.MONEY_MOST)):
            yield Price(amount, bool(_PRICE_LABEL.search(before)), is_range)
