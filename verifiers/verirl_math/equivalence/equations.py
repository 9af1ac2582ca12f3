"""Compare relations up to a constant factor, and equations also up to cleared denominators."""

from __future__ import annotations

from verirl.optional_dependencies import import_optional
from verirl_math.equivalence.exact import is_rational_function, rational
from verirl_math.equivalence.identity_testing import constant_ratio, same_value
from verirl_math.parsing.expressions import Node, Num, Op, Rel, Sym, symbols, walk

MAX_EQUATION_NODES = 200
MAX_EQUATION_DEGREE = 24

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def same_equation(gold: Rel, answer: Rel) -> bool:
    """Whether two equations are equal up to a constant factor, or once denominators are cleared."""
    left, right = Op("-", gold.terms), Op("-", answer.terms)
    if constant_ratio(left, right) is not None:
        return True
    if symbols(left) != symbols(right) or not (_is_small(left) and _is_small(right)):
        return False
    return _same_numerator(left, right)


def same_inequality(gold: Rel, answer: Rel) -> bool:
    """Whether two chains of inequalities are equal, from either end, or a single one up to scale."""
    if any(op not in _MIRRORED for op in gold.ops + answer.ops):
        return False
    if _termwise(gold, answer) or _termwise(gold, _mirrored(answer)):
        return True
    if len(gold.ops) != 1 or len(answer.ops) != 1:
        return False
    strict = {op.rstrip("=") if op != "!=" else op for op in gold.ops + answer.ops}
    if gold.ops[0].endswith("=") != answer.ops[0].endswith("=") or ("!=" in strict and len(strict) > 1):
        return False
    ratio = constant_ratio(_positive(gold), _positive(answer))
    if ratio is None or ratio.imag:
        return False
    return gold.ops[0] == "!=" or bool(ratio > 0)


def _termwise(gold: Rel, answer: Rel) -> bool:
    if gold.ops != answer.ops:
        return False
    return all(same_value(g, a) for g, a in zip(gold.terms, answer.terms, strict=True))


def _mirrored(relation: Rel) -> Rel:
    return Rel(tuple(_MIRRORED[op] for op in reversed(relation.ops)), tuple(reversed(relation.terms)))


def _positive(relation: Rel) -> Node:
    left, right = relation.terms
    return Op("-", (left, right) if relation.ops[0][0] == ">" else (right, left))


def _is_small(node: Node) -> bool:
    return (
        is_rational_function(node)
        and sum(1 for _ in walk(node)) <= MAX_EQUATION_NODES
        and _degree(node) <= MAX_EQUATION_DEGREE
    )


def _degree(node: Node) -> int:
    """Return an upper bound for the degree of the expanded numerator and denominator."""
    match node:
        case Sym():
            return 1
        case Op("^", (base, exponent)):
            power = rational(exponent)
            return _degree(base) * abs(int(power)) if power is not None else MAX_EQUATION_DEGREE + 1
        case Op(_, args):
            return sum(_degree(arg) for arg in args)
        case Num(value):
            return (
                0
                if max(value.numerator.bit_length(), value.denominator.bit_length()) < 200
                else MAX_EQUATION_DEGREE + 1
            )
    return 0


def _same_numerator(left: Node, right: Node) -> bool:
    """Whether the reduced numerators differ by a constant factor (`y = 1/x` and `xy = 1`)."""
    sympy = import_optional("sympy", "math")

    names = {name: sympy.Symbol(f"v{k}", real=True) for k, name in enumerate(sorted(symbols(left)))}
    numerators = [sympy.fraction(sympy.cancel(_expression(side, names)))[0] for side in (left, right)]
    if any(not numerator.free_symbols for numerator in numerators):
        return False
    ratio = sympy.cancel(numerators[0] / numerators[1])
    return not ratio.free_symbols and ratio.is_finite is not False and ratio != 0


def _expression(node: Node, names: dict[str, object]) -> object:
    """Build a sympy expression of a rational function from its tree; sympy never gets text."""
    sympy = import_optional("sympy", "math")

    match node:
        case Num(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Sym(name):
            return names[name]
        case Op("^", (base, exponent)):
            power = rational(exponent)
            return sympy.Pow(_expression(base, names), int(power or 0))
        case Op(name, args):
            parts = [_expression(arg, names) for arg in args]
            match name:
                case "+":
                    return sympy.Add(*parts)
                case "-":
                    return sympy.Add(parts[0], sympy.Mul(-1, parts[1]))
                case "*":
                    return sympy.Mul(*parts)
                case "/":
                    return sympy.Mul(parts[0], sympy.Pow(parts[1], -1))
                case "neg":
                    return sympy.Mul(-1, parts[0])
                case "percent":
                    return sympy.Mul(parts[0], sympy.Rational(1, 100))
                case "mixed":
                    return sympy.Add(parts[0], sympy.Mul(parts[1], sympy.Pow(parts[2], -1)))
    raise ValueError("not a rational function")
