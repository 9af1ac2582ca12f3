"""The tokens of one answer and a place among them."""

from __future__ import annotations

from verirl_math.parsing.expressions import ParseError
from verirl_math.parsing.lexer import END, Token

MAX_NESTING = 120
"""Levels of brackets, powers and arguments inside each other."""


class TokenStream:
    """A cursor over tokens, with the depth of what is open."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.fences: list[str] = []

    @property
    def token(self) -> Token:
        """The token at the cursor; END behind the last."""
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def peek(self, ahead: int = 1) -> Token:
        """The token `ahead` places on."""
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def advance(self) -> Token:
        """The token at the cursor, which moves on."""
        token = self.token
        self.at += 1
        return token

    def is_op(self, *texts: str) -> bool:
        """Whether the token is one of these operators."""
        return self.token.kind == "op" and self.token.text in texts

    def is_macro(self, *names: str) -> bool:
        """Whether the token is one of these macros."""
        return self.token.kind == "macro" and self.token.text in names

    def expect(self, text: str) -> None:
        """Step over the operator `text`; ParseError where something else stands."""
        if not self.is_op(text):
            raise ParseError(f"expected '{text}'{self.here()}")
        self.advance()

    def here(self) -> str:
        """Where the cursor stands, for a message."""
        return f" before '{self.token.text}'" if self.token is not END else " at the end"

    def descend(self) -> None:
        """Go one level deeper; ParseError past the limit."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ParseError("nested too deeply")
