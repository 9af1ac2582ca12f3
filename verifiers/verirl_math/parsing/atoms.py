"""Parse what binds tightest: numerals, names, functions, roots, powers, subscripts."""

from __future__ import annotations

import re
from fractions import Fraction

from verirl_math.parsing.brackets import BracketParser
from verirl_math.parsing.expressions import Const, Interval, Node, Num, Op, ParseError, Seq, Sym
from verirl_math.parsing.grammar import (
    ACCENTS,
    BASE_WORDS,
    BIG,
    CONSTANT_MACROS,
    CONSTANT_NAMES,
    DEGREES,
    FENCES,
    FUNCTIONS,
    LIST_FUNCTIONS,
    PLAIN_WORDS,
    based,
    integer,
    numeral,
)
from verirl_math.parsing.lexer import END, Token
from verirl_math.parsing.normalize import GREEK

MIN_WORD_LETTERS = 5
"""A run of this many small letters is a word, not a product."""


class AtomParser(BracketParser):
    """A parser of factors and their powers; a subclass parses products and sums."""

    def term(self, *, first: bool = False) -> Node:
        """Parse factors between × and ÷."""
        raise NotImplementedError

    def starts_factor(self, node: Node) -> bool:
        """Whether the next token multiplies `node`."""
        raise NotImplementedError

    def juxtaposed(self, node: Node) -> Node:
        """Multiply `node` by the factor that follows it."""
        raise NotImplementedError

    def power(self) -> Node:
        """Parse an atom with its postfixes and its exponent."""
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
        """Skip `\\circ` in an exponent, and return whether it was there."""
        if self.is_macro(*DEGREES):
            self.advance()
            return True
        if (
            self.is_op("{")
            and self.peek().kind == "macro"
            and self.peek().text in DEGREES
            and self.peek(2).text == "}"
        ):
            self.at += 3
            return True
        return False

    def script(self) -> Node:
        """Parse the operand of `^` or `_`: a group, or one signed factor (`2^-3`, `2^10`)."""
        if self.is_op("{"):
            return self.group()
        if self.is_op("-", "+"):
            negative = self.advance().text == "-"
            self.descend()
            node = self.script()
            self.depth -= 1
            return Op("neg", (node,)) if negative else node
        if self.token.kind == "name" and len(self.token.text) > 1 and self.token.text not in CONSTANT_NAMES:
            return self.letter()
        node = self.atom()
        if self.is_op("^", "**"):
            self.advance()
            self.descend()
            node = Op("^", (node, self.script()))
            self.depth -= 1
        return node

    def postfixed(self, node: Node, marked: bool = False) -> Node:
        """Apply the `!`, `%`, primes and subscripts that follow `node`."""
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
        """Parse the subscript of a name, or the base of a numeral."""
        self.advance()
        name = self.subscript_name()
        if isinstance(node, Sym):
            return Sym(f"{node.name}_{name}")
        if isinstance(node, Num):
            return self.in_base(node, name)
        raise ParseError("a subscript on something else than a name or a number")

    def in_base(self, node: Num, name: str) -> Node:
        """The numeral `node` in the base that `name` spells."""
        name = name.lower().removeprefix("base").strip(" ()")
        base = BASE_WORDS.get(name) or (int(name) if re.fullmatch(r"\d{1,2}", name) else 0)
        if node.places is not None or not base:
            raise ParseError("a subscript on a number that is not a base")
        return based(str(node.value), base)

    def subscript_name(self) -> str:
        """Return a subscript as text."""
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
        """Parse one numeral, name, macro or bracketed expression."""
        self.descend()
        node = self.standing()
        self.depth -= 1
        return node

    def standing(self) -> Node:
        """Parse an atom, without the check of the depth."""
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
        """Parse a decimal numeral."""
        text = self.advance().text
        if self.is_macro("overline", "dot", "bar") and "." in text and "e" not in text.lower():
            return self.repeating(text)
        if text.endswith(".") and (self.is_op("(", "{", "[") or self.token.kind in ("name", "macro")):
            raise ParseError("a decimal point without decimals")
        return numeral(text)

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
        start = numeral(text)
        places = len(text.partition(".")[2])
        return Num(start.value + Fraction(int(source), (10 ** len(source) - 1) * 10**places), None, 0)

    def name(self) -> Node:
        """Parse the beginning of a run of letters."""
        text = self.token.text
        if text in FUNCTIONS:
            self.advance()
            return self.function(FUNCTIONS[text])
        if text in CONSTANT_NAMES:
            self.advance()
            return CONSTANT_NAMES[text]
        if text in GREEK:
            self.advance()
            return Sym(text)
        if text in PLAIN_WORDS:
            self.advance()
            return self.plain_function(text)
        return self.letter()

    def letter(self) -> Node:
        """Take the first letter of a run; the rest stays in the stream."""
        token = self.token
        if len(token.text) >= MIN_WORD_LETTERS and token.text.islower():
            raise ParseError(f"the word '{token.text}'")
        rest = token.text[1:]
        if rest:
            self.tokens[self.at] = Token("name", rest)
        else:
            self.advance()
            if self.token.kind == "num" and not self.token.spaced:
                raise ParseError(f"'{token.text}{self.token.text}'")
        first = token.text[0]
        if not rest and first.isupper() and (applied := self.application_at()):
            return Sym(f"{first}({applied})")
        return Const(first) if first in ("e", "i") else Sym(first)

    def application_at(self) -> str | None:
        """The number that a capital is applied to, as in `P(3)`: a value of P, not a product."""
        if (
            self.is_op("(")
            and self.peek().kind == "num"
            and self.peek(2) == Token("op", ")", self.peek(2).spaced)
        ):
            number = self.peek().text
            self.at += 3
            return number
        return None

    def plain_function(self, name: str) -> Node:
        """`sqrt(2)`, `binom(5, 2)`: a function by its plain name."""
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
            return Op("root", (parts[0], integer(3)))
        short = {"binomial": "binom", "ceiling": "ceil", "factorial": "!", "frac": "/"}
        return Op(short.get(name, name), parts)

    def arguments(self) -> tuple[Node, ...]:
        """Parse the items of a bracketed list, or one argument without brackets."""
        if self.is_op("(", "[", "{") or self.is_macro("lbrace"):
            inside = self.atom()
            return inside.items if isinstance(inside, Seq) else (inside,)
        return (self.application(),)

    def macro(self) -> Node:
        """Parse a LaTeX macro with its arguments."""
        name = self.token.text
        if name in CONSTANT_MACROS and not (name == "R" and self.peek().text == "_"):
            self.advance()
            return CONSTANT_MACROS[name]
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
        if name in FENCES:
            return self.fenced(*FENCES[name])
        if name in ("lbrace", "langle"):
            return self.bracketed()
        if name in LIST_FUNCTIONS:
            self.advance()
            return self.list_function(LIST_FUNCTIONS[name])
        if name in BIG:
            self.advance()
            return self.big(BIG[name])
        if name in ACCENTS:
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
            return integer(int(token.text[0]))
        if token.kind == "name":
            return self.letter() if len(token.text) > 1 else self.atom()
        if token.kind == "macro":
            return self.atom()
        if token.kind == "op" and token.text == "(":
            return self.bracketed()
        raise ParseError(f"a macro without its argument{self.here()}")

    def root(self) -> Node:
        """Parse the degree and the argument of `\\sqrt` or `\\sqrt[n]`."""
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
        """Parse the argument of a root."""
        if self.is_op("(") or self.token.kind in ("num", "macro"):
            inside = self.atom()
            if isinstance(inside, (Seq, Interval)):
                raise ParseError("a list under a root")
            return inside
        if self.is_op("{"):
            return self.group()
        return self.letter() if self.token.kind == "name" else self.atom()

    def function(self, name: str) -> Node:
        """Parse a function with its power, base and argument."""
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
        if power == Op("neg", (integer(1),)):
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
        """Whether another function, or a bracket, begins here."""
        token = self.token
        return token.text in FUNCTIONS if token.kind in ("macro", "name") else token.text in ("(", "[")

    def list_function(self, name: str) -> Node:
        """`\\gcd(12, 18)`, `\\max\\{1, 2\\}`, `\\det A`."""
        if self.is_op("_"):
            self.advance()
            below: tuple[Node, ...] = (self.script(),)
        else:
            below = ()
        return Op(name, (*below, *self.arguments()))

    def big(self, name: str) -> Node:
        """`\\sum`, `\\int`, `\\lim` with bounds and body."""
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
        """`\\vec{a}`, `\\overline{AB}`, `\\angle ABC`: a name with an accent."""
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
        if not names or (not isinstance(inside, (Sym, Const)) and not _is_letters(inside)):
            raise ParseError(f"'\\{accent}' over something else than a name")
        return Sym(f"{accent} {''.join(names)}")


def _is_letters(node: Node) -> bool:
    return (
        isinstance(node, Op)
        and node.name == "*"
        and all(isinstance(part, (Sym, Const)) or _is_letters(part) for part in node.args)
    )
