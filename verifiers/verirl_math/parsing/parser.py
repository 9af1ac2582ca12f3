"""A recursive-descent parser for answers in LaTeX or plain notation.

It never evaluates anything, runs in time linear in the text, and raises nothing but `ParseError`.
Two readings are conventions of the field: `1\\frac{1}{2}` is a mixed number, and juxtaposition multiplies
with the same precedence as `*` (`1/2x` is half of x).
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from verirl_math.parsing import lexer, units
from verirl_math.parsing.atoms import AtomParser
from verirl_math.parsing.expressions import (
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
    Text,
    depth,
    symbols,
)
from verirl_math.parsing.grammar import (
    CONNECTORS,
    CONSTANT_NAMES,
    FACTOR_MACROS,
    FUNCTIONS,
    NUMBER_WORDS,
    PLAIN_WORDS,
    RELATIONS,
    SET_OPERATORS,
    SHORT_WORDS,
    based,
    integer,
    is_natural,
    numeral,
)
from verirl_math.parsing.lexer import END, Token
from verirl_math.parsing.normalize import GREEK, normalize_answer
from verirl_math.parsing.normalize import normalize_words as plain_words

MAX_TREE_DEPTH = 150
"""The largest number of levels of the tree; `a + b + c` has three."""

_HEDGES = re.compile(r"\\(?:cancel|xcancel|bcancel|sout|not|neg|lnot|boxed|fbox|href|input|def|phantom)\b")
_KNOWN_WORDS = frozenset({*FUNCTIONS, *PLAIN_WORDS, *GREEK, *CONSTANT_NAMES, "union"})
_WORDY = re.compile(r"[A-Za-z][A-Za-z .,'()\-]*")
_COUNTED = re.compile(r"-?\d[\d.,]* +[A-Za-z]{2,}(?: +[A-Za-z]+){0,2}")
_CAPITALS = re.compile(r"[A-Z]{3,}")
_BASED = re.compile(
    r"(-?)\s*(?:\\(?:text|mathrm)\s*\{\s*)?([0-9A-Fa-f ]*[A-Fa-f][0-9A-Fa-f ]*)\}?\s*_\s*\{?\s*(\d\d)\s*\}?"
)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Parse one answer, in time linear in its length; ParseError if it cannot be read."""
    text = normalize_answer(text)
    if not text:
        raise ParseError("empty")
    if hedge := _HEDGES.search(text):
        raise ParseError(f"'{hedge[0]}' is no part of an answer")
    if numeral := _BASED.fullmatch(text):
        return based(numeral[2].replace(" ", ""), int(numeral[3]), negative=bool(numeral[1]))
    if _is_words(text):
        return _worded(text)
    tokens = lexer.tokenize(text)
    if all(token.kind == "text" for token in tokens):
        words = " ".join(token.text for token in tokens)
        if not _COUNTED.fullmatch(words):
            return _worded(words)
        tokens = lexer.tokenize(words)
    node = _Parser(tokens).whole()
    if depth(node) > MAX_TREE_DEPTH:
        raise ParseError("too many operations in a row")
    return node


def is_words(node: Node) -> bool:
    """Whether an answer is words rather than mathematics."""
    return isinstance(node, Text)


def _is_words(text: str) -> bool:
    if not _WORDY.fullmatch(text):
        return False
    if _CAPITALS.fullmatch(text):
        return True
    runs = re.findall(r"[A-Za-z']+", text)
    return any((len(run) >= 4 and run not in _KNOWN_WORDS) or run.lower() in SHORT_WORDS for run in runs)


def _worded(text: str) -> Node:
    flat = plain_words(text)
    if flat in NUMBER_WORDS:
        return integer(NUMBER_WORDS[flat])
    if re.fullmatch(r"-?\d{1,30}", flat):
        return integer(int(flat))
    if flat == "infinity":
        return Const("oo")
    if not flat:
        raise ParseError("empty")
    return Text(flat)


class _Parser(AtomParser):
    def whole(self) -> Node:
        node = self.over()
        if self.token is not END:
            raise ParseError(f"unexpected '{self.token.text}'")
        return node

    def sequence(self) -> Node:
        """Parse items separated by commas, semicolons, line breaks, `or`, `and`."""
        self.descend()
        items = [self.relation()]
        joint = ","
        while separator := self.separator():
            joint = separator if separator != "," else joint
            items.append(self.relation())
        self.depth -= 1
        if len(items) == 1:
            return items[0]
        return Seq("list", tuple(items), "or" if joint == "or" else "and" if joint == "and" else ",")

    def separator(self) -> str | None:
        separator = None
        while True:
            token = self.token
            connector = None
            if token.kind in ("text", "name", "macro"):
                connector = CONNECTORS.get(token.text.strip(" ,").lower())
            if (token.kind == "op" and token.text in (",", ";")) or (
                token.kind == "macro" and token.text == "newline"
            ):
                connector = ","
            if connector is None or (separator == connector):
                return separator
            separator = connector if separator in (None, ",") else separator
            self.advance()

    def relation(self) -> Node:
        if self.relation_name() == "~":
            self.advance()
            return Op("approx", (self.operand(),))
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
        """Parse one side of a relation: a set expression, a sum with its unit, or words."""
        if self.token.kind == "text":
            return self.leading_words()
        if self.is_op(*units.CURRENCIES) or (self.is_op("-") and self.peek().text in units.CURRENCIES):
            return self.money()
        if (
            self.token.kind == "name"
            and self.peek() == Token("op", "=", self.peek().spaced)
            and self.is_word()
        ):
            return Text(self.advance().text.lower())
        node = self.with_suffix(self.set_expression())
        while isinstance(node, Quantity) and self.token.kind == "num":
            node = self.compound(node)
        if self.is_op(":"):
            node = self.ratio(node)
        return node

    def is_word(self) -> bool:
        """Whether the run of letters here is a word, as in `area = 5`."""
        text = self.token.text
        return len(text) >= 4 and text not in _KNOWN_WORDS

    def compound(self, first: Quantity) -> Quantity:
        """Parse the parts of one quantity, each in a smaller unit: `3 hours 20 minutes`, `5 ft 3 in`."""
        second = self.with_suffix(self.set_expression())
        if not isinstance(second, Quantity) or second.unit.powers != first.unit.powers:
            raise ParseError("two quantities side by side")
        ratio = second.unit.factor / first.unit.factor
        if ratio >= 1:
            raise ParseError("two quantities side by side")
        part = Op("*", (second.value, Num(ratio)))
        return Quantity(Op("+", (first.value, part)), first.unit)

    def leading_words(self) -> Node:
        words = [self.advance().text]
        following = self.token
        if words[0].lower() in units.NON_UNIT_WORDS | {"not"}:
            raise ParseError(f"'{words[0]}' in the answer")
        while self.token.kind == "text" and self.token.text.strip().lower() not in CONNECTORS:
            words.append(self.advance().text)
        text = " ".join(words)
        if self.token is END or self.separates() or self.relation_name() is not None or self.closes():
            return _worded(text)
        raise ParseError(f"'{following.text}' after words")

    def separates(self) -> bool:
        at = self.at
        separated = self.separator() is not None
        self.at = at
        return separated

    def closes(self) -> bool:
        return self.is_op(")", "]", "}", "|") or self.is_macro("rbrace", "rangle", "rvert")

    def money(self) -> Node:
        negative = self.is_op("-")
        if negative:
            self.advance()
        unit = units.KNOWN_UNITS[units.CURRENCIES[self.advance().text]]
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
            scale = units.SCALE_WORDS.get(first.lower())
            if scale:
                if rest:
                    self.tokens[self.at] = Token("text", rest, spaced=True)
                else:
                    self.advance()
                return self.with_scale(Op("*", (node, integer(scale))))
        return node

    def with_suffix(self, node: Node) -> Node:
        """Apply the unit that follows `node`: words in `\\text{…}`, or a run of letters that is a unit."""
        if self.is_op(*units.CURRENCIES):
            return Quantity(node, units.KNOWN_UNITS[units.CURRENCIES[self.advance().text]])
        node = self.with_scale(node)
        if self.token.kind not in ("text", "name") or self.separates() or self.relation_name() is not None:
            return node
        if self.token.text.lower() == "base" and isinstance(node, Num):
            self.advance()
            return self.in_base(node, self.advance().text)
        if self.token.text.lower() in ("percent", "per cent"):
            self.advance()
            return Op("percent", (node,))
        if isinstance(node, Op) and node.name == "degrees":
            return Quantity(node.args[0], units.temperature_unit(self.suffix_text()))
        unit = units.unit_of(self.suffix_text())
        if unit == units.KNOWN_UNITS["degree"]:
            return Op("degrees", (node,))
        return Quantity(node, unit)

    def suffix_text(self) -> str:
        parts: list[str] = []
        while True:
            token = self.token
            if token.kind in ("text", "name") and token.text.lower() not in CONNECTORS:
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
            if self.token.kind == "macro" and self.token.text in SET_OPERATORS:
                name = SET_OPERATORS[self.advance().text]
            elif (self.token == Token("name", "U", spaced=True) and isinstance(node, (Seq, Interval))) or (
                self.token.kind == "name" and self.token.text == "union"
            ):
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
        if self.is_op("+", "-") or self.is_macro("pm", "mp"):
            sign = self.advance().text
            self.descend()
            node = self.term()
            self.depth -= 1
            return node if sign == "+" else Op("neg" if sign == "-" else sign, (node,))
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
        if self.is_op("+", "-"):
            negative = self.advance().text == "-"
            self.descend()
            node = self.factor()
            self.depth -= 1
            return Op("neg", (node,)) if negative else node
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
            and is_natural(node)
            and isinstance(factor, Op)
            and factor.name == "/"
            and all(is_natural(part) for part in factor.args)
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
            and is_natural(node)
            and self.peek() == Token("op", "/")
            and self.peek(2).kind == "num"
        ):
            above = numeral(self.advance().text)
            self.advance()
            below = numeral(self.advance().text)
            if is_natural(above) and is_natural(below) and above.value < below.value:
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
            return token.text in FACTOR_MACROS or token.text in GREEK
        if token.kind == "op":
            if token.text == "|":
                return self.fences[-1:] not in (["abs"], ["set"])
            return token.text in ("(", "[", "{")
        return False

    def is_suffix(self, token: Token, node: Node) -> bool:
        text = token.text
        if text.lower() in CONNECTORS or text in ("in", "union"):
            return token.spaced
        if isinstance(node, Op) and node.name == "degrees" and text in units.TEMPERATURES:
            return True
        if text == "U" and isinstance(node, (Seq, Interval)):
            return True
        if text in FUNCTIONS or text in PLAIN_WORDS or text in GREEK or text in CONSTANT_NAMES:
            return False
        if units.is_unit(text) or text.lower() in units.SCALE_WORDS:
            return not symbols(node)
        return len(text) >= 4 and token.spaced and not symbols(node)


def _literal(node: Node) -> Fraction:
    return node.value if isinstance(node, Num) else Fraction(0)
