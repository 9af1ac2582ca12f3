"""The vocabulary: macros and names of functions, relations and constants; numerals."""

from __future__ import annotations

from fractions import Fraction

from verirl_math.parsing import lexer
from verirl_math.parsing.expressions import Based, Const, Node, Num, ParseError

_FUNCTION_NAMES = (
    "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth "
    "arcsinh arccosh arctanh ln log exp sgn"
)
FUNCTIONS = {
    name: name
    for name in _FUNCTION_NAMES.split()
} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log", "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh", "sign": "sgn",
}  # fmt: skip
LIST_FUNCTIONS = {
    "gcd": "gcd",
    "lcm": "lcm",
    "min": "min",
    "max": "max",
    "det": "det",
    "tr": "tr",
    "mod": "modf",
}
BIG = {"sum": "sum", "prod": "prod", "int": "int", "iint": "int", "iiint": "int", "oint": "int", "lim": "lim",
       "limsup": "lim", "liminf": "lim", "bigcup": "bigcup", "bigcap": "bigcap"}  # fmt: skip
PLAIN_WORDS = {
    "sqrt",
    "cbrt",
    "abs",
    "floor",
    "ceil",
    "ceiling",
    "binom",
    "binomial",
    "factorial",
    "frac",
    *LIST_FUNCTIONS,
}

RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "le": "<=", "leq": "<=",
    "leqslant": "<=", "leqq": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "geqq": ">=", "lt": "<",
    "gt": ">",
    "ne": "!=", "neq": "!=", "in": "in", "notin": "notin", "equiv": "equiv", "approx": "~", "approxeq": "~",
    "simeq": "~", "doteq": "~", "cong": "cong", "sim": "sim", "to": "to", "rightarrow": "to", "->": "to",
    "longrightarrow": "to", "propto": "propto", "mid": "mid", "parallel": "parallel", "perp": "perp",
    "subset": "subset", "subseteq": "subseteq", "implies": "implies", "Rightarrow": "implies",
    "Leftrightarrow": "iff", "iff": "iff", ":=": "=",
}  # fmt: skip
ACCENTS = frozenset(
    [
        "vec",
        "overrightarrow",
        "overline",
        "bar",
        "hat",
        "widehat",
        "tilde",
        "widetilde",
        "dot",
        "ddot",
        "underline",
        "overleftarrow",
        "angle",
        "triangle",
        "overarc",
        "mathring",
    ]
)
SET_OPERATORS = {"cup": "union", "cap": "intersection", "setminus": "minus", "backslash": "minus"}
FENCES = {
    "lfloor": ("rfloor", "floor"),
    "lceil": ("rceil", "ceil"),
    "lvert": ("rvert", "abs"),
    "lVert": ("rVert", "norm"),
}
CONSTANT_MACROS = {
    "pi": Const("pi"), "infty": Const("oo"), "infinity": Const("oo"), "emptyset": Const("empty"),
    "varnothing": Const("empty"), "setR": Const("R"), "setQ": Const("Q"), "setZ": Const("Z"),
    "setN": Const("N"),
    "setC": Const("C"), "R": Const("R"), "imath": Const("i"), "e": Const("e"),
}  # fmt: skip
CONSTANT_NAMES = {
    "pi": Const("pi"),
    "infinity": Const("oo"),
    "Infinity": Const("oo"),
    "inf": Const("oo"),
    "oo": Const("oo"),
}
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBER_WORDS = {word: value for value, word in enumerate(_COUNTED.split())}
BASE_WORDS = {word: value for word, value in NUMBER_WORDS.items() if value >= 2}
SHORT_WORDS = frozenset(["yes", "no", "odd", "dne", "one", "two", "six", "ten"])
DEGREES = frozenset({"circ", "degree", "deg"})
CONNECTORS = {"or": "or", "and": "and", "lor": "or", "vee": "or", "land": "and", "wedge": "and"}
FACTOR_MACROS = frozenset(
    ["frac", "dfrac", "tfrac", "cfrac", "sqrt", "binom", "dbinom", "tbinom", "lbrace", "langle", "begin"]
    + [*FUNCTIONS, *CONSTANT_MACROS, *FENCES, *ACCENTS, *BIG]
    + [name for name in LIST_FUNCTIONS if name != "mod"]
)
"""Macros that begin a factor of a product."""


def integer(value: int) -> Num:
    """Make a literal of an integer."""
    return Num(Fraction(value), None, len(str(abs(value))))


def numeral(text: str) -> Num:
    """Read a decimal numeral such as `4.5e33` exactly; ParseError if its exponent is too large."""
    mantissa, _, exponent = text.lower().partition("e")
    power = int(exponent) if exponent else 0
    if abs(power) > lexer.MAX_EXPONENT:
        raise ParseError("an exponent too large")
    whole, point, decimals = mantissa.partition(".")
    digits = (whole + decimals).lstrip("0")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    if not point and not exponent:
        return Num(value, None, len(digits))
    return Num(value * Fraction(10) ** power, len(decimals) - power, len(digits))


def based(digits: str, base: int, *, negative: bool = False) -> Based:
    """Read a numeral in a stated base; ParseError if a digit does not belong to that base."""
    digits = digits.upper().lstrip("0") or "0"
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits):
        raise ParseError(f"not a numeral of base {base}")
    return Based(digits, base, negative)


def is_natural(node: Node) -> bool:
    """Whether a node is an integer written without a decimal point."""
    return isinstance(node, Num) and node.places is None and node.value.denominator == 1 and node.digits > 0
