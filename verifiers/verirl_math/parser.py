"""A recursive-descent reader of the mathematics that answers are written in, LaTeX or plain.

It never evaluates anything, runs in time linear in the text, and raises nothing but `ParseError`.
Two readings are conventions of the field: `1\\frac{1}{2}` is a mixed number, and juxtaposition multiplies
with the same precedence as `*` (`1/2x` is half of x).
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from verirl_math import lexer, units
from verirl_math.lexer import END, Token
from verirl_math.nodes import (
    Based,
    Builder,
    Const,
    Interval,
    Matrix,
    Node,
    Num,
    Op,
    ParseError,
    Quantity,
    Rel,
    Seq,
    Sym,
    Text,
    Unit,
    symbols,
)
from verirl_math.text import GREEK, prepared
from verirl_math.text import words as plain_words

DEPTH_LIMIT = 40

FUNCTIONS = {
    name: name
    for name in "sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth "
    "arcsinh arccosh arctanh ln log exp sgn".split()
} | {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log", "arsinh": "arcsinh", "arcosh": "arccosh",
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
    "leqslant": "<=", "leqq": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "geqq": ">=", "lt": "<", "gt": ">",
    "ne": "!=", "neq": "!=", "in": "in", "notin": "notin", "equiv": "equiv", "approx": "~", "approxeq": "~",
    "simeq": "~", "doteq": "~", "cong": "cong", "sim": "sim", "to": "to", "rightarrow": "to", "->": "to",
    "longrightarrow": "to", "propto": "propto", "mid": "mid", "parallel": "parallel", "perp": "perp",
    "subset": "subset", "subseteq": "subseteq", "implies": "implies", "Rightarrow": "implies",
    "Leftrightarrow": "iff", "iff": "iff", ":=": "=",
}  # fmt: skip
_ACCENTS = frozenset(
    "vec overrightarrow overline bar hat widehat tilde widetilde dot ddot underline overleftarrow angle triangle "
    "overarc mathring".split()
)
_SET_OPERATORS = {"cup": "union", "cap": "intersection", "setminus": "minus", "backslash": "minus"}
_FENCES = {
    "lfloor": ("rfloor", "floor"),
    "lceil": ("rceil", "ceil"),
    "lvert": ("rvert", "abs"),
    "lVert": ("rVert", "norm"),
}
_CONSTANT_MACROS = {
    "pi": Const("pi"), "infty": Const("oo"), "infinity": Const("oo"), "emptyset": Const("empty"),
    "varnothing": Const("empty"), "setR": Const("R"), "setQ": Const("Q"), "setZ": Const("Z"), "setN": Const("N"),
    "setC": Const("C"), "R": Const("R"), "imath": Const("i"), "e": Const("e"),
}  # fmt: skip
_CONSTANT_NAMES = {
    "pi": Const("pi"),
    "infinity": Const("oo"),
    "Infinity": Const("oo"),
    "inf": Const("oo"),
    "oo": Const("oo"),
}
_BASE_WORDS = dict(
    zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True)
)
_NUMBER_WORDS = dict(
    zip("zero one two three four five six seven eight nine ten eleven twelve".split(), range(13), strict=True)
)
_DEGREES = frozenset({"circ", "degree", "deg"})
_CONNECTORS = {"or": "or", "and": "and", "lor": "or", "vee": "or", "land": "and", "wedge": "and"}
_HEDGES = re.compile(
    r"\\(?:cancel|xcancel|bcancel|sout|not|neg|lnot|boxed|fbox|color|href|input|def|phantom)\b"
)
_WORDY = re.compile(r"[A-Za-z][A-Za-z .,'()\-]*")
_BASED = re.compile(
    r"(-?)\s*(?:\\(?:text|mathrm)\s*\{\s*)?([0-9A-Fa-f ]*[A-Fa-f][0-9A-Fa-f ]*)\}?\s*_\s*\{?\s*(\d\d)\s*\}?"
)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of one answer; ParseError where it is not one we read. Linear in the text's length."""
    text = prepared(text)
    if not text:
        raise ParseError("empty")
    if hedge := _HEDGES.search(text):
        raise ParseError(f"'{hedge[0]}' is no part of an answer")
    if based := _BASED.fullmatch(text):
        return _based(based[2].replace(" ", ""), int(based[3]), negative=bool(based[1]))
    if _is_words(text):
        return _worded(text)
    found = lexer.tokens(text)
    if all(token.kind == "text" for token in found):
        return _worded(" ".join(token.text for token in found))
    try:
        return _Parser(found).whole()
    except RecursionError:  # pragma: no cover - the depth limit comes first
        raise ParseError("nested too deeply") from None


def is_words(node: Node) -> bool:
    """Whether an answer is words rather than mathematics."""
    return isinstance(node, Text)


def _is_words(text: str) -> bool:
    if not _WORDY.fullmatch(text):
        return False
    runs = re.findall(r"[A-Za-z']+", text)
    known = {*FUNCTIONS, *PLAIN_WORDS, *GREEK, *_CONSTANT_NAMES, "union"}
    return any(len(run) >= 4 and run not in known for run in runs)


def _worded(text: str) -> Node:
    flat = plain_words(text)
    if flat in _NUMBER_WORDS:
        return _integer(_NUMBER_WORDS[flat])
    if re.fullmatch(r"-?\d{1,30}", flat):
        return _integer(int(flat))
    if not flat:
        raise ParseError("empty")
    return Text(flat)


def _integer(value: int) -> Num:
    return Num(Fraction(value), None, len(str(abs(value))))


def _numeral(text: str) -> Num:
    mantissa, _, exponent = text.lower().partition("e")
    power = int(exponent) if exponent else 0
    if abs(power) > lexer.EXPONENT_LIMIT:
        raise ParseError("an exponent too large")
    whole, point, decimals = mantissa.partition(".")
    digits = (whole + decimals).lstrip("0")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    if not point and not exponent:
        return Num(value, None, len(digits))
    return Num(value * Fraction(10) ** power, len(decimals) - power, len(digits))


def _based(digits: str, base: int, *, negative: bool = False) -> Based:
    digits = digits.upper().lstrip("0") or "0"
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits):
        raise ParseError(f"not a numeral of base {base}")
    return Based(digits, base, negative)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.fences: list[str] = []

    # -- the stream ---------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def advance(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def is_op(self, *texts: str) -> bool:
        return self.token.kind == "op" and self.token.text in texts

    def is_macro(self, *names: str) -> bool:
        return self.token.kind == "macro" and self.token.text in names

    def expect(self, text: str) -> None:
        if not self.is_op(text):
            raise ParseError(f"expected '{text}'{self.here()}")
        self.advance()

    def here(self) -> str:
        return f" before '{self.token.text}'" if self.token is not END else " at the end"

    def descend(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise ParseError("nested too deeply")

    # -- lists and relations ------------------------------------------------------------------------

    def whole(self) -> Node:
        node = self.sequence()
        if self.token is not END:
            raise ParseError(f"unexpected '{self.token.text}'")
        return node

    def sequence(self) -> Node:
        """Items between commas, semicolons, line breaks, `or`, `and`."""
        self.descend()
        items = [self.relation()]
        joint = ","
        while found := self.separator():
            joint = found if found != "," else joint
            items.append(self.relation())
        self.depth -= 1
        if len(items) == 1:
            return items[0]
        return Seq("list", tuple(items), "or" if joint == "or" else "and" if joint == "and" else ",")

    def separator(self) -> str | None:
        found = None
        while True:
            token = self.token
            connector = None
            if token.kind in ("text", "name", "macro"):
                connector = _CONNECTORS.get(token.text.strip(" ,").lower())
            if (
                token.kind == "op"
                and token.text in (",", ";")
                or token.kind == "macro"
                and token.text == "newline"
            ):
                connector = ","
            if connector is None or (found == connector):
                return found
            found = connector if found in (None, ",") else found
            self.advance()

    def relation(self) -> Node:
        terms, ops = [self.operand()], list[str]()
        while (name := self.relation_name()) is not None:
            self.advance()
            ops.append(name)
            terms.append(self.operand())
        if not ops:
            return terms[0]
        return Rel(tuple(ops), tuple(terms))

    def relation_name(self) -> str | None:
        token = self.token
        if token.kind == "macro" and token.text == "mid" and self.fences[-1:] == ["set"]:
            return None
        if token.kind in ("op", "macro"):
            return RELATIONS.get(token.text)
        return "in" if token.kind == "name" and token.text == "in" and token.spaced else None

    def operand(self) -> Node:
        """One side of a relation: a set expression, or a sum with a unit behind it, or words."""
        if self.token.kind == "text":
            return self.leading_words()
        if self.is_op(*units.CURRENCIES) or (self.is_op("-") and self.peek().text in units.CURRENCIES):
            return self.money()
        node = self.set_expression()
        node = self.with_suffix(node)
        if self.is_op(":"):
            node = self.ratio(node)
        return node

    def leading_words(self) -> Node:
        words = [self.advance().text]
        following = self.token
        if words[0].lower() in units.REFUSED | {"not"}:
            raise ParseError(f"'{words[0]}' in the answer")
        while self.token.kind == "text" and self.token.text.strip().lower() not in _CONNECTORS:
            words.append(self.advance().text)
        text = " ".join(words)
        if self.token is END or self.separates() or self.relation_name() is not None or self.closes():
            return _worded(text)
        raise ParseError(f"'{following.text}' after words")

    def separates(self) -> bool:
        at = self.at
        found = self.separator() is not None
        self.at = at
        return found

    def closes(self) -> bool:
        return self.is_op(")", "]", "}", "|") or self.is_macro("rbrace", "rangle", "rvert")

    def money(self) -> Node:
        negative = self.is_op("-")
        if negative:
            self.advance()
        unit = units.KNOWN[units.CURRENCIES[self.advance().text]]
        value = self.set_expression()
        if negative:
            value = Op("neg", (value,))
        value = self.with_scale(value)
        if self.token.kind in ("text", "name") and not self.separates():
            tail = self.suffix_text()
            if units.unit_of(tail) != unit:
                unit = units.product(unit, units.unit_of(f"unit {tail}"))
        return Quantity(value, unit)

    def with_scale(self, node: Node) -> Node:
        if self.token.kind in ("text", "name"):
            first, _, rest = self.token.text.strip().partition(" ")
            scale = units.SCALES.get(first.lower())
            if scale:
                if rest:
                    self.tokens[self.at] = Token("text", rest, spaced=True)
                else:
                    self.advance()
                return self.with_scale(Op("*", (node, _integer(scale))))
        return node

    def with_suffix(self, node: Node) -> Node:
        """`node` with the unit that follows it: words in `\\text{…}`, or a run of letters that is a unit."""
        if self.is_op(*units.CURRENCIES):
            return Quantity(node, units.KNOWN[units.CURRENCIES[self.advance().text]])
        node = self.with_scale(node)
        if self.token.kind not in ("text", "name") or self.separates() or self.relation_name() is not None:
            return node
        if self.token.text.lower() == "base" and isinstance(node, Num):
            self.advance()
            return self.in_base(node, self.advance().text)
        if self.token.text.lower() in ("percent", "per cent"):
            self.advance()
            return Op("percent", (node,))
        unit = units.unit_of(self.suffix_text())
        if unit == units.KNOWN["degree"]:
            return Op("degrees", (node,))
        return Quantity(node, unit)

    def suffix_text(self) -> str:
        parts: list[str] = []
        while True:
            token = self.token
            if token.kind in ("text", "name") and token.text.lower() not in _CONNECTORS:
                parts.append(token.text)
                self.advance()
            elif self.is_op("/") and self.peek().kind in ("text", "name"):
                parts.append("/")
                self.advance()
            elif self.is_op("^"):
                self.advance()
                parts.append("^" + self.braced_integer())
            elif self.is_macro("cdot") and self.peek().kind in ("text", "name"):
                parts.append(" ")
                self.advance()
            else:
                return " ".join(parts)

    def braced_integer(self) -> str:
        closing = self.is_op("{")
        if closing:
            self.advance()
        sign = "-" if self.is_op("-") else ""
        if sign:
            self.advance()
        token = self.advance()
        if token.kind != "num" or not re.fullmatch(r"\d", token.text):
            raise ParseError("a unit's power is not a digit")
        if closing:
            self.expect("}")
        return sign + token.text

    def ratio(self, first: Node) -> Node:
        if self.fences[-1:] == ["set"]:
            return first
        parts = [first]
        while self.is_op(":"):
            self.advance()
            parts.append(self.set_expression())
        if self.token.kind in ("name", "text"):
            clock = self.token.text.lower().replace(".", "")
            if clock in ("am", "pm") and all(isinstance(part, Num) for part in parts):
                self.advance()
                return Text(":".join(f"{part.value}" for part in parts if isinstance(part, Num)) + clock)
        return Op("ratio", tuple(parts))

    # -- sets and sums ------------------------------------------------------------------------------

    def set_expression(self) -> Node:
        node = self.sum()
        while True:
            if self.token.kind == "macro" and self.token.text in _SET_OPERATORS:
                name = _SET_OPERATORS[self.advance().text]
            elif self.token == Token("name", "U", spaced=True) and isinstance(node, (Seq, Interval)):
                self.advance()
                name = "union"
            elif self.token.kind == "name" and self.token.text == "union":
                self.advance()
                name = "union"
            else:
                return node
            node = Op(name, (node, self.sum()))

    def sum(self) -> Node:
        node = self.term(first=True)
        while True:
            if self.is_op("+"):
                self.advance()
                node = Op("+", (node, self.term()))
            elif self.is_op("-"):
                self.advance()
                node = Op("-", (node, self.term()))
            elif self.is_macro("pm", "mp"):
                name = self.advance().text
                node = Op(name, (node, self.term()))
            else:
                return node

    def term(self, *, first: bool = False) -> Node:
        if self.is_op("+"):
            self.advance()
            return self.term()
        if self.is_op("-"):
            self.advance()
            return Op("neg", (self.term(),))
        if self.is_macro("pm", "mp"):
            name = self.advance().text
            return Op(name, (self.term(),))
        node = self.power()
        while True:
            if self.is_op("*") or self.is_macro("cdot", "times", "ast"):
                self.advance()
                node = Op("*", (node, self.factor()))
            elif self.is_op("/") or self.is_macro("div"):
                self.advance()
                node = Op("/", (node, self.factor()))
            elif self.is_macro("bmod"):
                self.advance()
                node = Op("mod", (node, self.factor()))
            elif self.is_macro("pmod", "mod"):
                self.advance()
                node = Op("pmod", (node, self.argument()))
            elif self.starts_factor(node):
                node = self.juxtaposed(node)
            else:
                return node

    def factor(self) -> Node:
        if self.is_op("-"):
            self.advance()
            return Op("neg", (self.factor(),))
        if self.is_op("+"):
            self.advance()
            return self.factor()
        return self.power()

    def juxtaposed(self, node: Node) -> Node:
        if isinstance(node, (Seq, Interval, Matrix, Text)):
            raise ParseError(f"unexpected '{self.token.text}'")
        fraction_follows = self.is_macro("frac", "dfrac", "tfrac", "cfrac")
        before = self.tokens[self.at - 1]
        if self.token.kind == "num":
            return self.mixed_plain(node, before)
        factor = self.power()
        if (
            fraction_follows
            and before.kind == "num"
            and _is_natural(node)
            and isinstance(factor, Op)
            and factor.name == "/"
            and all(_is_natural(part) for part in factor.args)
            and _literal(factor.args[0]) < _literal(factor.args[1])
        ):
            return Op("mixed", (node, *factor.args))
        if isinstance(factor, (Seq, Interval)):
            raise ParseError("a list multiplied")
        return Op("*", (node, factor))

    def mixed_plain(self, node: Node, before: Token) -> Node:
        """`3 1/2`; any other two numerals side by side are not a number."""
        if (
            before.kind == "num"
            and _is_natural(node)
            and self.peek() == Token("op", "/")
            and self.peek(2).kind == "num"
        ):
            above = _numeral(self.advance().text)
            self.advance()
            below = _numeral(self.advance().text)
            if _is_natural(above) and _is_natural(below) and above.value < below.value:
                return Op("mixed", (node, above, below))
        elif before.kind != "num" and (before.text in (")", "]", "}") or self.token.spaced):
            return Op("*", (node, self.power()))
        raise ParseError("two numbers side by side")

    def starts_factor(self, node: Node) -> bool:
        token = self.token
        if token.kind == "num":
            return True
        if token.kind == "name":
            return not self.is_suffix(token, node)
        if token.kind == "macro":
            return token.text in (
                "frac", "dfrac", "tfrac", "cfrac", "sqrt", "binom", "dbinom", "tbinom", "lbrace", "langle", "begin"
            ) or token.text in FUNCTIONS or token.text in GREEK or token.text in _CONSTANT_MACROS or (
                token.text in _FENCES or token.text in _ACCENTS or token.text in LIST_FUNCTIONS and token.text != "mod"
                or token.text in BIG
            )  # fmt: skip
        if token.kind == "op":
            if token.text == "|":
                return self.fences[-1:] not in (["abs"], ["set"])
            return token.text in ("(", "[", "{")
        return False

    def is_suffix(self, token: Token, node: Node) -> bool:
        text = token.text
        if text.lower() in _CONNECTORS or text in ("in", "union"):
            return token.spaced
        if text == "U" and isinstance(node, (Seq, Interval)):
            return True
        if text in FUNCTIONS or text in PLAIN_WORDS or text in GREEK or text in _CONSTANT_NAMES:
            return False
        if units.is_unit(text) or text.lower() in units.SCALES:
            return not symbols(node)
        return len(text) >= 4 and token.spaced and not symbols(node)

    # -- powers and atoms ---------------------------------------------------------------------------

    def power(self) -> Node:
        base = self.postfixed(self.atom())
        if not self.is_op("^", "**"):
            return base
        self.advance()
        if degree := self.degree_mark():
            return self.postfixed(Op("degrees", (base,)), degree)
        self.descend()
        exponent = self.script()
        self.depth -= 1
        node: Node = Op("^", (base, exponent))
        return self.postfixed(node)

    def degree_mark(self) -> bool:
        if self.is_macro(*_DEGREES):
            self.advance()
            return True
        if (
            self.is_op("{")
            and self.peek().kind == "macro"
            and self.peek().text in _DEGREES
            and self.peek(2).text == "}"
        ):
            self.at += 3
            return True
        return False

    def script(self) -> Node:
        """What `^` or `_` applies to: a group, or one signed factor (`2^-3`, `2^10`)."""
        if self.is_op("{"):
            return self.group()
        if self.is_op("-", "+"):
            negative = self.advance().text == "-"
            node = self.script()
            return Op("neg", (node,)) if negative else node
        if self.token.kind == "name" and len(self.token.text) > 1 and self.token.text not in _CONSTANT_NAMES:
            return self.letter()
        node = self.atom()
        if self.is_op("^", "**"):
            self.advance()
            return Op("^", (node, self.script()))
        return node

    def postfixed(self, node: Node, marked: bool = False) -> Node:
        while True:
            if self.is_op("!"):
                self.advance()
                if self.is_op("!"):
                    raise ParseError("a double factorial")
                node = Op("!", (node,))
            elif self.is_op("%"):
                self.advance()
                node = Op("percent", (node,))
            elif self.is_op("'") and isinstance(node, Sym):
                self.advance()
                node = Sym(node.name + "'")
            elif self.is_macro("degree") and not marked:
                self.advance()
                node = Op("degrees", (node,))
            elif self.is_op("_"):
                node = self.subscripted(node)
            else:
                return node

    def subscripted(self, node: Node) -> Node:
        self.advance()
        name = self.subscript_name()
        if isinstance(node, Sym):
            return Sym(f"{node.name}_{name}")
        if isinstance(node, Num):
            return self.in_base(node, name)
        raise ParseError("a subscript on something else than a name or a number")

    def in_base(self, node: Num, name: str) -> Node:
        name = name.lower().removeprefix("base").strip()
        base = _BASE_WORDS.get(name) or (int(name) if re.fullmatch(r"\d{1,2}", name) else 0)
        if node.places is not None or not base:
            raise ParseError("a subscript on a number that is not a base")
        return _based(str(node.value), base)

    def subscript_name(self) -> str:
        if not self.is_op("{"):
            token = self.advance()
            if token.kind not in ("num", "name", "macro", "text", "op") or token.text in (
                "(",
                ")",
                "^",
                "_",
                ",",
            ):
                raise ParseError("an empty subscript")
            if token.kind == "name" and len(token.text) > 1:
                self.at -= 1
                self.tokens[self.at] = Token("name", token.text[1:])
                return token.text[0]
            return token.text
        depth, parts = 0, list[str]()
        while True:
            token = self.advance()
            if token is END:
                raise ParseError("unbalanced '{'")
            depth += (token.text == "{") - (token.text == "}") if token.kind == "op" else 0
            if depth == 0:
                break
            parts.append(token.text)
        return "".join(parts[1:])

    def atom(self) -> Node:
        token = self.token
        if token.kind == "num":
            return self.number()
        if token.kind == "name":
            return self.name()
        if token.kind == "macro":
            return self.macro()
        if token.kind == "op":
            if token.text in ("(", "["):
                return self.bracketed()
            if token.text == "{":
                return self.group()
            if token.text == "|":
                return self.absolute()
        if token.kind == "text":
            raise ParseError(f"words where a value is expected: '{token.text}'")
        raise ParseError(f"expected a value{self.here()}")

    def number(self) -> Node:
        text = self.advance().text
        if self.is_macro("overline", "dot") and "." in text and "e" not in text.lower():
            return self.repeating(text)
        if text.endswith(".") and (self.is_op("(", "{", "[") or self.token.kind in ("name", "macro")):
            raise ParseError("a decimal point without decimals")
        return _numeral(text)

    def repeating(self, text: str) -> Node:
        """`0.1\\overline{6}` is 1/6."""
        self.advance()
        inside = self.script()
        source = (
            self.tokens[self.at - 2].text
            if self.tokens[self.at - 1].text == "}"
            else self.tokens[self.at - 1].text
        )
        if not isinstance(inside, Num) or not source.isdigit():
            raise ParseError("an unreadable repeating decimal")
        start = _numeral(text)
        places = len(text.partition(".")[2])
        return Num(start.value + Fraction(int(source), (10 ** len(source) - 1) * 10**places), None, 0)

    def name(self) -> Node:
        text = self.token.text
        if text in FUNCTIONS:
            self.advance()
            return self.function(FUNCTIONS[text])
        if text in _CONSTANT_NAMES:
            self.advance()
            return _CONSTANT_NAMES[text]
        if text in GREEK:
            self.advance()
            return Sym(text)
        if text in PLAIN_WORDS:
            self.advance()
            return self.plain_function(text)
        return self.letter()

    def letter(self) -> Node:
        """The first letter of a run; the rest stays in the stream."""
        token = self.token
        rest = token.text[1:]
        if rest:
            self.tokens[self.at] = Token("name", rest)
        else:
            self.advance()
            if self.token.kind == "num" and not self.token.spaced:
                raise ParseError(f"'{token.text}{self.token.text}'")
        first = token.text[0]
        return Const(first) if first in ("e", "i") else Sym(first)

    def plain_function(self, name: str) -> Node:
        if name in LIST_FUNCTIONS:
            return Op(LIST_FUNCTIONS[name], self.arguments())
        if name == "sqrt":
            if not self.is_op("(", "{", "["):
                raise ParseError("'sqrt' without its argument")
            return self.root()
        parts = self.arguments()
        wanted = {"binom": 2, "binomial": 2, "frac": 2}.get(name, 1)
        if len(parts) != wanted:
            raise ParseError(f"'{name}' takes {wanted}")
        if name == "cbrt":
            return Op("root", (parts[0], _integer(3)))
        short = {"binomial": "binom", "ceiling": "ceil", "factorial": "!", "frac": "/"}
        return Op(short.get(name, name), parts)

    def arguments(self) -> tuple[Node, ...]:
        """The items of a bracketed list, or one unbracketed argument."""
        if self.is_op("(", "[", "{") or self.is_macro("lbrace"):
            inside = self.atom()
            return inside.items if isinstance(inside, Seq) else (inside,)
        return (self.application(),)

    def macro(self) -> Node:
        name = self.token.text
        if name in _CONSTANT_MACROS and not (name == "R" and self.peek().text == "_"):
            self.advance()
            return _CONSTANT_MACROS[name]
        if name in FUNCTIONS:
            self.advance()
            return self.function(FUNCTIONS[name])
        if name in GREEK:
            self.advance()
            return Sym(name)
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            self.advance()
            return Op("/", (self.argument(), self.argument()))
        if name in ("binom", "dbinom", "tbinom"):
            self.advance()
            return Op("binom", (self.argument(), self.argument()))
        if name == "sqrt":
            self.advance()
            return self.root()
        if name in _FENCES:
            return self.fenced(*_FENCES[name])
        if name in ("lbrace", "langle"):
            return self.bracketed()
        if name in LIST_FUNCTIONS:
            self.advance()
            return self.list_function(LIST_FUNCTIONS[name])
        if name in BIG:
            self.advance()
            return self.big(BIG[name])
        if name in _ACCENTS:
            return self.accented()
        if name == "begin":
            return self.environment()
        raise ParseError(f"'\\{name}' is not read here")

    def argument(self) -> Node:
        """A macro's argument: a group, or one token, of which a numeral gives its first digit."""
        if self.is_op("{"):
            return self.group()
        token = self.token
        if token.kind == "num":
            if len(token.text) > 1:
                if not token.text.isdigit():
                    raise ParseError("an unreadable fraction")
                self.tokens[self.at] = Token("num", token.text[1:])
            else:
                self.advance()
            return _integer(int(token.text[0]))
        if token.kind == "name":
            return self.letter() if len(token.text) > 1 else self.atom()
        if token.kind == "macro":
            return self.macro()
        if token.kind == "op" and token.text == "(":
            return self.bracketed()
        raise ParseError(f"a macro without its argument{self.here()}")

    def group(self) -> Node:
        self.expect("{")
        self.descend()
        self.fences.append("brace")
        node = self.sequence()
        self.fences.pop()
        self.depth -= 1
        self.expect("}")
        if isinstance(node, Seq) and node.kind == "list":
            raise ParseError("a list inside braces")
        return node

    def root(self) -> Node:
        degree: Node | None = None
        if self.is_op("["):
            self.advance()
            degree = self.sum()
            self.expect("]")
        self.descend()
        inside = self.script_argument()
        self.depth -= 1
        return Op("sqrt", (inside,)) if degree is None else Op("root", (inside, degree))

    def script_argument(self) -> Node:
        if self.is_op("(") or self.token.kind in ("num", "macro"):
            inside = self.atom()
            if isinstance(inside, (Seq, Interval)):
                raise ParseError("a list under a root")
            return inside
        if self.is_op("{"):
            return self.group()
        return self.letter() if self.token.kind == "name" else self.atom()

    def function(self, name: str) -> Node:
        power: Node | None = None
        base: Node | None = None
        while self.is_op("^", "_"):
            if self.advance().text == "^":
                power = self.script()
            else:
                base = self.script()
        if base is not None and name != "log":
            raise ParseError(f"a subscript on '{name}'")
        argument = self.application()
        if power == Op("neg", (_integer(1),)):
            if name not in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"):
                raise ParseError(f"an inverse '{name}'")
            return Op(f"arc{name}", (argument,))
        node = Op(name, (argument,) if base is None else (argument, base))
        return node if power is None else Op("^", (node, power))

    def application(self) -> Node:
        """The argument of a function written without a bracket reaches to the next operator or function."""
        self.descend()
        if self.is_op("(", "[", "{", "|") or self.is_macro("lbrace"):
            node = self.atom()
            if isinstance(node, (Seq, Interval)):
                raise ParseError("a list as a function's argument")
        elif self.is_op("-"):
            self.advance()
            node = Op("neg", (self.application(),))
        else:
            node = self.power()
            while self.starts_factor(node) and not self.begins_function():
                node = self.juxtaposed(node)
        self.depth -= 1
        return node

    def begins_function(self) -> bool:
        token = self.token
        return token.text in FUNCTIONS if token.kind in ("macro", "name") else token.text in ("(", "[")

    def list_function(self, name: str) -> Node:
        if self.is_op("_"):
            self.advance()
            below: tuple[Node, ...] = (self.script(),)
        else:
            below = ()
        return Op(name, (*below, *self.arguments()))

    def big(self, name: str) -> Node:
        below = above = Const("empty")
        bounds: dict[str, Node] = {"_": below, "^": above}
        while self.is_op("_", "^"):
            which = self.advance().text
            self.descend()
            bounds[which] = self.script()
            self.depth -= 1
        self.descend()
        body = self.term()
        self.depth -= 1
        return Op(name, (bounds["_"], bounds["^"], body))

    def accented(self) -> Node:
        accent = self.advance().text
        if self.is_op("{"):
            inside = self.group()
        elif self.token.kind == "name":
            letters = self.advance().text
            while accent in ("angle", "triangle") and self.token.kind == "name":
                letters += self.advance().text
            return Sym(f"{accent} {letters}")
        else:
            inside = self.atom()
        names = [
            part.name
            for part in (inside.args if isinstance(inside, Op) else (inside,))
            if isinstance(part, (Sym, Const))
        ]
        if not names or not isinstance(inside, (Sym, Const)) and not _is_letters(inside):
            raise ParseError(f"'\\{accent}' over something else than a name")
        return Sym(f"{accent} {''.join(names)}")

    # -- brackets -----------------------------------------------------------------------------------

    def absolute(self) -> Node:
        self.advance()
        self.descend()
        self.fences.append("abs")
        node = self.sum()
        self.fences.pop()
        self.depth -= 1
        self.expect("|")
        return Op("abs", (node,))

    def fenced(self, closing: str, name: str) -> Node:
        self.advance()
        self.descend()
        self.fences.append(name)
        node = self.sum()
        self.fences.pop()
        self.depth -= 1
        if not self.is_macro(closing):
            raise ParseError(f"expected '\\{closing}'")
        self.advance()
        return Op(name, (node,))

    def bracketed(self) -> Node:
        opener = self.advance().text
        self.descend()
        self.fences.append("set" if opener == "lbrace" else opener)
        if opener == "lbrace" and self.is_macro("rbrace"):
            self.advance()
            self.fences.pop()
            self.depth -= 1
            return Const("empty")
        inside = self.sequence()
        if opener == "lbrace" and (self.is_op("|", ":") or self.is_macro("mid")):
            self.advance()
            inside = Builder(inside, self.sequence())
        self.fences.pop()
        self.depth -= 1
        closer = self.advance()
        if closer.kind not in ("op", "macro"):
            raise ParseError(f"unbalanced '{'{' if opener == 'lbrace' else opener}'")
        return _enclosed(opener, inside, closer.text)

    def environment(self) -> Node:
        self.advance()
        name = self.environment_name()
        kinds = {"pmatrix": "matrix", "bmatrix": "matrix", "matrix": "matrix", "Bmatrix": "matrix",
                 "smallmatrix": "matrix", "array": "matrix", "vmatrix": "det"}  # fmt: skip
        if name not in kinds:
            raise ParseError(f"'\\begin{{{name}}}' is not read here")
        if name == "array" and self.is_op("{"):
            while not self.is_op("}"):
                if self.advance() is END:
                    raise ParseError("unbalanced '{'")
            self.advance()
        self.descend()
        self.fences.append("matrix")
        rows, row = list[tuple[Node, ...]](), [self.operand()]
        while not self.is_macro("end"):
            if self.is_op("&"):
                self.advance()
                row.append(self.operand())
            elif self.is_macro("newline"):
                self.advance()
                rows.append(tuple(row))
                if self.is_macro("end"):
                    row = []
                    break
                row = [self.operand()]
            else:
                raise ParseError(
                    f"unexpected '{self.token.text}' in a matrix"
                    if self.token is not END
                    else "unclosed matrix"
                )
        self.advance()
        if self.environment_name() != name:
            raise ParseError("mismatched \\begin and \\end")
        self.fences.pop()
        self.depth -= 1
        if row:
            rows.append(tuple(row))
        if len({len(each) for each in rows}) != 1:
            raise ParseError("a matrix with uneven rows")
        matrix = Matrix(tuple(rows))
        return Op("det", (matrix,)) if kinds[name] == "det" else matrix

    def environment_name(self) -> str:
        self.expect("{")
        token = self.advance()
        self.expect("}")
        return token.text


def _is_natural(node: Node) -> bool:
    return isinstance(node, Num) and node.places is None and node.value.denominator == 1 and node.digits > 0


def _literal(node: Node) -> Fraction:
    return node.value if isinstance(node, Num) else Fraction(0)


def _is_letters(node: Node) -> bool:
    return (
        isinstance(node, Op)
        and node.name == "*"
        and all(isinstance(part, (Sym, Const)) or _is_letters(part) for part in node.args)
    )


def _enclosed(opener: str, inside: Node, closer: str) -> Node:
    several = isinstance(inside, Seq) and inside.kind == "list"
    if several and isinstance(inside, Seq) and inside.joint != ",":
        raise ParseError(f"'{inside.joint}' inside brackets")
    items = inside.items if several and isinstance(inside, Seq) else (inside,)
    pair = (opener, closer)
    if pair == ("(", ")"):
        return Seq("tuple", items) if several else inside
    if pair == ("[", "]"):
        if not several and not isinstance(inside, (Seq, Rel, Text)):
            return inside
        return _rows(items) or Seq("bracket", items)
    if pair == ("lbrace", "rbrace"):
        return inside if isinstance(inside, Builder) else Seq("set", items)
    if pair == ("langle", "rangle"):
        return Seq("tuple", items)
    if pair in (("(", "]"), ("[", ")")) and len(items) == 2:
        return Interval(items[0], items[1], opener == "[", closer == "]")
    raise ParseError("mismatched brackets")


def _rows(items: tuple[Node, ...]) -> Matrix | None:
    """`[[1, 2], [3, 4]]` is a matrix."""
    rows = [item.items for item in items if isinstance(item, Seq) and item.kind == "bracket"]
    if len(rows) != len(items) or len({len(row) for row in rows}) != 1:
        return None
    return Matrix(tuple(rows))


def unitless(node: Node) -> tuple[Node, Unit | None]:
    """A value and its unit; None where it has none."""
    return (node.value, node.unit) if isinstance(node, Quantity) else (node, None)
