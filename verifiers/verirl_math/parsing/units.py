"""Units of measurement, as in 5 km, 20 cm^2, $18, 60 miles per hour and 72 clips."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache

from verirl_math.parsing.expressions import ParseError, Unit

_F = Fraction


def _table() -> dict[str, Unit]:
    rows: list[tuple[str, Fraction, dict[str, int]]] = [
        ("m meter metre", _F(1), {"m": 1}), ("km kilometer kilometre", _F(1000), {"m": 1}),
        ("dm decimeter decimetre", _F(1, 10), {"m": 1}), ("cm centimeter centimetre", _F(1, 100), {"m": 1}),
        ("mm millimeter millimetre", _F(1, 1000), {"m": 1}),
        ("nm nanometer nanometre", _F(1, 10**9), {"m": 1}),
        ("um micrometer micron", _F(1, 10**6), {"m": 1}),
        ("in inch inche", _F(254, 10000), {"m": 1}), ("ft foot feet", _F(3048, 10000), {"m": 1}),
        ("yd yard", _F(9144, 10000), {"m": 1}), ("mi mile", _F(1609344, 1000), {"m": 1}),
        ("s sec second", _F(1), {"s": 1}), ("ms millisecond", _F(1, 1000), {"s": 1}),
        ("min minute", _F(60), {"s": 1}), ("h hr hour", _F(3600), {"s": 1}), ("day", _F(86400), {"s": 1}),
        ("week wk", _F(604800), {"s": 1}), ("month", _F(1), {"month": 1}), ("year yr", _F(12), {"month": 1}),
        ("decade", _F(120), {"month": 1}), ("century centurie", _F(1200), {"month": 1}),
        ("g gram", _F(1), {"g": 1}), ("kg kilogram", _F(1000), {"g": 1}),
        ("mg milligram", _F(1, 1000), {"g": 1}),
        ("tonne", _F(10**6), {"g": 1}), ("lb lbs pound", _F(45359237, 100000), {"g": 1}),
        ("oz ounce", _F(45359237, 1600000), {"g": 1}), ("ton", _F(1), {"ton": 1}),
        ("L l liter litre", _F(1, 1000), {"m": 3}),
        ("mL ml milliliter millilitre cc", _F(1, 10**6), {"m": 3}),
        ("dL cl centiliter", _F(1, 10**5), {"m": 3}),
        ("gallon gal", _F(1), {"gallon": 1}), ("quart qt", _F(1, 4), {"gallon": 1}),
        ("pint pt", _F(1, 8), {"gallon": 1}), ("cup", _F(1, 16), {"gallon": 1}),
        ("tablespoon tbsp", _F(1, 256), {"gallon": 1}), ("teaspoon tsp", _F(1, 768), {"gallon": 1}),
        ("hectare", _F(10000), {"m": 2}), ("acre", _F(40468564224, 10**7), {"m": 2}),
        ("degree deg", _F(1), {"degree": 1}), ("radian rad", _F(1), {"radian": 1}),
        ("N newton", _F(1000), {"g": 1, "m": 1, "s": -2}), ("J joule", _F(1000), {"g": 1, "m": 2, "s": -2}),
        ("kJ kilojoule", _F(10**6), {"g": 1, "m": 2, "s": -2}),
        ("W watt", _F(1000), {"g": 1, "m": 2, "s": -3}),
        ("kW kilowatt", _F(10**6), {"g": 1, "m": 2, "s": -3}),
        ("Pa pascal", _F(1000), {"g": 1, "m": -1, "s": -2}), ("Hz hertz", _F(1), {"s": -1}),
        ("K kelvin", _F(1), {"kelvin": 1}), ("V volt", _F(1), {"volt": 1}),
        ("A ampere amp", _F(1), {"ampere": 1}),
        ("mol mole", _F(1), {"mole": 1}), ("ohm", _F(1), {"ohm": 1}), ("eV", _F(1), {"eV": 1}),
        ("mph", _F(1609344, 3600000), {"m": 1, "s": -1}), ("kph kmh", _F(10, 36), {"m": 1, "s": -1}),
        ("dollar usd buck", _F(1), {"dollar": 1}), ("cent", _F(1, 100), {"dollar": 1}),
        ("euro", _F(1), {"euro": 1}), ("pound sterling gbp", _F(1), {"sterling": 1}),
        ("yen", _F(1), {"yen": 1}),
        ("rupee", _F(1), {"rupee": 1}), ("yuan", _F(1), {"yuan": 1}),
        ("celsius centigrade", _F(1), {"celsius": 1}), ("fahrenheit", _F(1), {"fahrenheit": 1}),
        ("unit", _F(1), {}),
    ]  # fmt: skip
    table: dict[str, Unit] = {}
    for names, factor, powers in rows:
        unit = Unit(factor, tuple(sorted((name, _F(power)) for name, power in powers.items())))
        for name in names.split():
            table.setdefault(name, unit)
    return table


KNOWN_UNITS = _table()
_BASES = frozenset(name for unit in KNOWN_UNITS.values() for name, _ in unit.powers)
CURRENCIES = {"\u00a4": "dollar", "€": "euro", "£": "sterling", "¥": "yen", "₹": "rupee"}
TEMPERATURES = {"C": "celsius", "F": "fahrenheit", "celsius": "celsius", "fahrenheit": "fahrenheit"}
SCALE_WORDS = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}

_POWER_WORDS = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3, "cu": 3}

NON_UNIT_WORDS = frozenset(
    [
        "or",
        "and",
        "not",
        "no",
        "nor",
        "non",
        "none",
        "never",
        "maybe",
        "perhaps",
        "possibly",
        "probably",
        "likely",
        "about",
        "approximately",
        "approx",
        "around",
        "roughly",
        "nearly",
        "almost",
        "circa",
        "either",
        "neither",
        "unless",
        "if",
        "except",
        "but",
        "wait",
        "actually",
        "wrong",
        "incorrect",
        "false",
        "true",
        "mod",
        "modulo",
        "base",
        "plus",
        "minus",
        "times",
        "divided",
        "multiplied",
        "over",
        "under",
        "above",
        "below",
        "less",
        "more",
        "greater",
        "fewer",
        "smaller",
        "larger",
        "than",
        "least",
        "most",
        "between",
        "to",
        "through",
        "from",
        "factorial",
        "root",
        "half",
        "halve",
        "third",
        "quarter",
        "fourth",
        "fifth",
        "sixth",
        "tenth",
        "hundredth",
        "percent",
        "percentage",
        "negative",
        "positive",
        "point",
        "unknown",
        "unsure",
        "guess",
        "instead",
        "rather",
        "versus",
        "vs",
        "other",
        "another",
        "different",
        "something",
        "any",
        "every",
        "none",
        "example",
        "answer",
        "answers",
        "is",
        "are",
        "was",
        "be",
        "equals",
        "equal",
        "isn't",
        "aren't",
        "cannot",
        "can't",
        "could",
        "would",
        "should",
        "might",
        "may",
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "hundred",
        "thousand",
        "million",
        "billion",
        "trillion",
        "dozen",
        "double",
        "triple",
        "twice",
        "thrice",
        "e",
        "i",
        "pi",
        "x",
        "y",
        "z",
        "infinity",
        "undefined",
        "question",
        "where",
        "when",
        "then",
        "so",
        "thus",
        "hence",
        "since",
        "because",
        "with",
        "without",
        "only",
        "just",
        "remainder",
        "rem",
        "up",
        "off",
        "out",
        "give",
        "take",
    ]
)
"""Words that change a value or cast doubt on it; they are not a unit after a number."""

_PIECE = re.compile(r"\s*(?:([A-Za-z']+)|(\^?\s*\{?\s*(-?\d)\s*\}?)|(/)|([.*()·-]))")


def is_unit(word: str) -> bool:
    """Whether a bare run of letters after a number is a unit: `cm`, `kg`, `miles`, but not `m` or `x`."""
    return len(word) >= 2 and word not in ("am", "pm", "pt", "nm", "ms", "gal") and _known(word) is not None


def _known(word: str) -> Unit | None:
    if word in KNOWN_UNITS:
        return KNOWN_UNITS[word]
    low = word.lower()
    for form in (low, low.removesuffix("s"), low.removesuffix("es")):
        if len(form) > 1 and form in KNOWN_UNITS:
            return KNOWN_UNITS[form]
    return None


def is_known_unit(text: str) -> bool:
    """Whether `text` consists of units in the table only."""
    try:
        unit = unit_of(text)
    except ParseError:
        return False
    return bool(unit.powers) and all(name in _BASES for name, _ in unit.powers)


@cache
def unit_of(text: str) -> Unit:
    """Read a unit such as `square miles`, `m/s^2`, `clips`; ParseError if it is not a unit."""
    factor, powers = Fraction(1), dict[str, Fraction]()
    sign, pending, last, count = 1, 1, None, 0
    position = 0
    text = text.strip().rstrip(".")
    while position < len(text):
        piece = _PIECE.match(text, position)
        if not piece or piece.end() == position:
            raise ParseError(f"'{text}' is not a unit")
        position = piece.end()
        word, _, power, slash, _ = piece.groups()
        if slash or (word and word.lower() == "per"):
            sign = -1
        elif power:
            if last is None:
                raise ParseError(f"'{text}' is not a unit")
            factor *= last[0].factor ** (last[1] * (int(power) - 1))
            for name, each in last[0].powers:
                powers[name] += each * last[1] * (int(power) - 1)
            last = None
        elif word:
            count += 1
            low = word.lower()
            if low in NON_UNIT_WORDS or low.removesuffix("s") in NON_UNIT_WORDS or count > 5:
                raise ParseError(f"'{word}' after the number")
            if low in ("squared", "cubed") and last is not None:
                extra = _POWER_WORDS[low] - 1
                factor *= last[0].factor ** (last[1] * extra)
                for name, each in last[0].powers:
                    powers[name] += each * last[1] * extra
            elif low in _POWER_WORDS:
                pending = _POWER_WORDS[low]
            elif low not in ("of", "the", "a", "an", "in", "per", "total", "each") or (
                low in KNOWN_UNITS and count == 1
            ):
                unit = _known(word) or Unit(Fraction(1), ((_noun(low), Fraction(1)),))
                exponent = sign * pending
                factor *= unit.factor**exponent
                for name, each in unit.powers:
                    powers[name] = powers.get(name, Fraction(0)) + each * exponent
                last, pending = (unit, exponent), 1
    if not count:
        raise ParseError(f"'{text}' is not a unit")
    if powers.keys() & {"celsius", "fahrenheit"}:
        powers.pop("degree", None)
    return Unit(factor, tuple(sorted((name, power) for name, power in powers.items() if power)))


def temperature_unit(text: str) -> Unit:
    """Read the unit after a degree sign: `C`, `F`, `Celsius`; ParseError for anything else."""
    name = TEMPERATURES.get(text) or TEMPERATURES.get(text.lower())
    if name is None:
        raise ParseError(f"'{text}' after a degree sign")
    return KNOWN_UNITS[name]


def _noun(word: str) -> str:
    for ending, stem in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ss", "ss"), ("s", "")):
        if len(word) > 3 and word.endswith(ending):
            return word.removesuffix(ending) + stem
    return word


def product(left: Unit, right: Unit) -> Unit:
    """Return the unit of a product."""
    powers = dict(left.powers)
    for name, power in right.powers:
        powers[name] = powers.get(name, Fraction(0)) + power
    return Unit(left.factor * right.factor, tuple(sorted((n, p) for n, p in powers.items() if p)))
