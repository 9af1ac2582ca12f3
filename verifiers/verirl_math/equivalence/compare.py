"""Compare an answer with the gold answer, first by structure, then by value.

A set is not a tuple, a numeral in a base is not a decimal, and meters are not inches. `difference` says in
a few words what is wrong, or returns None if both are equal. It is exact: it neither rounds nor renames
variables, and assumes nothing about signs. It ignores differences of notation: the order in a set, a missing
unit, `x =` before a value, an inequality for an interval, the scale of an equation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from verirl_math.equivalence import real_sets
from verirl_math.equivalence.equations import same_equation, same_inequality
from verirl_math.equivalence.exact import UNEVALUATED_OPERATIONS, UndefinedError, as_decimal, rational
from verirl_math.equivalence.high_precision_eval import WORKING_DIGITS, Evaluator
from verirl_math.equivalence.identity_testing import same_value
from verirl_math.equivalence.quantities import (
    DEGREE,
    RADIAN,
    in_radians,
    letter_unit,
    scaled,
    value_and_unit,
    without_percent,
)
from verirl_math.parsing.expressions import (
    Based,
    Builder,
    Const,
    Interval,
    Matrix,
    Node,
    Num,
    Op,
    Quantity,
    Rel,
    Seq,
    Sym,
    Text,
    operations,
    symbols,
    walk,
)

MAX_ITEMS = 128
_MAX_SIGNS = 5
_CONSTANT_NAMES = frozenset({"C", "c", "K", "k", "C_1", "c_1", "C_0", "c_0"})
_FUNCTION_LETTERS = frozenset("fghFGHpqPQ")


@dataclass(frozen=True, slots=True)
class EqualityRules:
    """The rules of equality for a task.

    Args:
        kind: The declared type of the answer, if any.
        tolerance: The largest relative error of a number; None is exact.
        percent: Whether the question asks for a percentage.
    """

    kind: str | None = None
    tolerance: Fraction | None = None
    percent: bool = False


def difference(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    """Say why an answer is not equal to the gold answer.

    Args:
        gold: The gold answer.
        answer: The answer to judge.
        rules: How the two are compared.

    Returns:
        The reason in a few words, or None if they are equal.

    Raises:
        BudgetError: If a value is too large to compare.
        UndefinedError: If the answer has no value.
    """
    unevaluated = (operations(answer) & UNEVALUATED_OPERATIONS) - operations(gold)
    if unevaluated:
        return f"an operation that was not carried out ({', '.join(sorted(unevaluated))})"
    if isinstance(gold, Op) and gold.name == "approx":
        gold = gold.args[0]
    if isinstance(answer, Op) and answer.name == "approx":
        if rules.tolerance is None:
            return "only an approximation"
        answer = answer.args[0]
    answer = _with_constant(gold, answer)
    return _compare(_typed(_spread(gold), rules), _typed(_spread(answer), rules), rules)


def _with_constant(gold: Node, answer: Node) -> Node:
    """Rename the arbitrary constant of `x^2 + c` or `x^2 + K` to that of a gold answer `x^2 + C`."""
    if _added_constants(gold) != ["C"] or "C" in symbols(answer):
        return answer
    others = [name for name in _added_constants(answer) if name not in symbols(gold)]
    return _renamed(answer, others[0], "C") if len(others) == 1 else answer


def _added_constants(node: Node) -> list[str]:
    """List the arbitrary constants among the terms of a sum: those that occur nowhere else."""
    terms, todo = list[Node](), [node.terms[-1] if isinstance(node, Rel) and node.ops == ("=",) else node]
    while todo:
        match todo.pop():
            case Op("+", args):
                todo.extend(args)
            case Op("-", (left, right)):
                todo.append(left)
                terms.append(Op("neg", (right,)))
            case term:
                terms.append(term)
    names = [term.name for term in terms if isinstance(term, Sym) and term.name in _CONSTANT_NAMES]
    uses = [part.name for part in walk(node) if isinstance(part, Sym)]
    return [name for name in names if uses.count(name) == 1 and len(terms) > 1]


def _renamed(node: Node, old: str, new: str) -> Node:
    match node:
        case Sym(name) if name == old:
            return Sym(new)
        case Op(name, args):
            return Op(name, tuple(_renamed(arg, old, new) for arg in args))
        case Rel(ops, terms):
            return Rel(ops, tuple(_renamed(term, old, new) for term in terms))
    return node


def _typed(node: Node, rules: EqualityRules) -> Node:
    """Read an ambiguous sequence as the declared type says."""
    if isinstance(node, Seq):
        if rules.kind == "set" and node.kind == "list":
            return Seq("set", node.items)
        if (
            rules.kind == "tuple"
            and node.kind in ("list", "bracket")
            and not any(isinstance(i, Rel) for i in node.items)
        ):
            return Seq("tuple", node.items)
        if rules.kind == "interval" and len(node.items) == 2 and node.kind in ("tuple", "bracket"):
            closed = node.kind == "bracket"
            return Interval(node.items[0], node.items[1], closed, closed)
    return node


def _compare(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    if gold == answer:
        return None
    if isinstance(answer, Text) or isinstance(gold, Text):
        return (
            "words where the answer is mathematics" if isinstance(answer, Text) else "not the words asked for"
        )
    if real_sets.is_real_set(gold) or (real_sets.is_real_set(answer) and real_sets.could_be_real_set(gold)):
        reason = _region_difference(gold, answer)
        if reason != "unread":
            return reason
    if isinstance(gold, Rel):
        return _relation_difference(gold, answer, rules)
    if isinstance(gold, Seq) and (reason := _assigned_difference(gold, answer, rules)) != "unread":
        return reason
    if isinstance(answer, Rel):
        return _chain_difference(gold, answer, rules)
    if isinstance(gold, Seq) or isinstance(answer, Seq):
        return _sequence_difference(gold, answer, rules)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _matrix_difference(gold, answer, rules)
    if isinstance(gold, (Interval, Builder)) or isinstance(answer, (Interval, Builder)):
        return _parts_difference(gold, answer, rules)
    if isinstance(gold, Based) or isinstance(answer, Based):
        return _based_difference(gold, answer)
    return _scalar_difference(gold, answer, rules)


# -- sign alternatives ----------------------------------------------------------------------------------


def _spread(node: Node) -> Node:
    """Expand `1 ± 2` to the list `3, -1`; in a list or set, to further items."""
    if not operations(node) & {"pm", "mp"}:
        return node
    if isinstance(node, Seq) and node.kind in ("list", "set"):
        items = tuple(itertools.chain.from_iterable(_alternatives(item) for item in node.items))
        return Seq(node.kind, items, node.joint)
    alternatives = _alternatives(node)
    return alternatives[0] if len(alternatives) == 1 else Seq("list", alternatives)


def _alternatives(node: Node) -> tuple[Node, ...]:
    """Make one tree per choice of signs; if there is a `∓`, all signs change together."""
    count = sum(isinstance(part, Op) and part.name in ("pm", "mp") for part in walk(node))
    if count == 0 or count > _MAX_SIGNS:
        return (node,)
    if "mp" in operations(node):
        choices = [(True,) * count, (False,) * count]
    else:
        choices = list(itertools.product((True, False), repeat=count))
    return tuple(_with_signs(node, iter(choice)) for choice in choices)


def _with_signs(node: Node, signs: Iterator[bool]) -> Node:
    match node:
        case Op("pm" | "mp" as name, args):
            plus = next(signs) == (name == "pm")
            parts = tuple(_with_signs(arg, signs) for arg in args)
            if len(parts) == 1:
                return parts[0] if plus else Op("neg", parts)
            return Op("+" if plus else "-", parts)
        case Op(name, args):
            return Op(name, tuple(_with_signs(arg, signs) for arg in args))
        case Seq(kind, items, joint):
            return Seq(kind, tuple(_with_signs(item, signs) for item in items), joint)
        case Rel(ops, terms):
            return Rel(ops, tuple(_with_signs(term, signs) for term in terms))
        case Quantity(value, unit):
            return Quantity(_with_signs(value, signs), unit)
    return node


# -- relations ------------------------------------------------------------------------------------------


def defined_name(node: Node, value: Node) -> str | None:
    """Return the name defined by `x = 5`, `f(x) = 2x`, `(x, y) = (1, 2)`, `\\text{Area} = 5`, or None."""
    match node:
        case Sym(name):
            return None if name in symbols(value) else name
        case Const("e" | "i" as name):
            return name
        case Text(words):
            return words
        case Op("*") if (letters := _capitals(node)) is not None:
            return letters
        case Op("*", (Sym(head), Sym(argument))):
            applied = head in _FUNCTION_LETTERS or argument in symbols(value)
            return f"{head}({argument})" if applied and head not in symbols(value) else None
        case Seq("tuple", items) if all(isinstance(item, Sym) for item in items):
            return f"({', '.join(item.name for item in items if isinstance(item, Sym))})"
    return None


def _capitals(node: Node) -> str | None:
    """Return the name of a segment such as `AB`; None for any other product."""
    match node:
        case Sym(name) if len(name) == 1 and name.isupper():
            return name
        case Op("*", (left, right)):
            first, second = _capitals(left), _capitals(right)
            return first + second if first and second else None
    return None


def definition(node: Node) -> tuple[str | None, Node]:
    """Return the name and value of a definition; any other tree has no name and is its own value."""
    if isinstance(node, Rel) and node.ops == ("=",):
        left, right = node.terms
        if (name := defined_name(left, right)) is not None:
            return name, right
        if isinstance(right, Sym) and right.name not in symbols(left):
            return right.name, left
    return None, node


def _relation_difference(gold: Rel, answer: Node, rules: EqualityRules) -> str | None:
    name, value = definition(gold)
    if not isinstance(answer, Rel):
        if name is None:
            return "not the relation asked for"
        return _compare(value, answer, rules)
    if gold.ops == ("=",) and answer.ops == ("=",):
        answer_name, answer_value = definition(answer)
        if name is not None and answer_name == name:
            return _compare(value, answer_value, rules)
        if same_equation(gold, answer):
            return None
        return (
            "a different equation"
            if name is None or answer_name is None
            else f"about {answer_name}, not {name}"
        )
    if (
        name is not None
        and set(answer.ops) <= {"=", "~"}
        and defined_name(answer.terms[0], answer.terms[-1]) == name
    ):
        return _chain_difference(value, answer, rules)
    if same_inequality(gold, answer):
        return None
    if gold.ops == answer.ops:
        return _first(_compare(g, a, rules) for g, a in zip(gold.terms, answer.terms, strict=True))
    return "a different relation"


def _chain_difference(gold: Node, answer: Rel, rules: EqualityRules) -> str | None:
    """Compare a chain such as `x = 2 + 3 = 5`, of which every side must be the gold answer.

    A name may come first, and `≈` may follow an exact side.
    """
    terms = list(answer.terms)
    if any(op not in ("=", "~") for op in answer.ops):
        return (
            f"a relation ('{next(op for op in answer.ops if op not in ('=', '~'))}') where a value is asked"
        )
    approximate = 0
    while (
        answer.ops and len(answer.ops) > approximate and answer.ops[len(answer.ops) - 1 - approximate] == "~"
    ):
        approximate += 1
    if "~" in answer.ops[: len(answer.ops) - approximate]:
        return "an approximation in the middle"
    exact, rough = terms[: len(terms) - approximate], terms[len(terms) - approximate :]
    start = 0
    if defined_name(exact[0], exact[-1] if len(exact) > 1 else terms[-1]) is not None:
        start = 1
    elif len(answer.ops) == 1 and answer.ops == ("=",) and definition(answer)[0] is not None:
        exact = [definition(answer)[1]]
    if not exact[start:] and rules.tolerance is None:
        return "only an approximation"
    reason = _first(_compare(gold, term, rules) for term in exact[start:])
    if reason:
        return reason if len(exact[start:]) == 1 else f"a chain whose sides differ: {reason}"
    for term in rough:
        if not _rounds(gold, term) and (rules.tolerance is None or _compare(gold, term, rules)):
            return "an approximation that the value does not round to"
    return None


def _rounds(exact: Node, rough: Node) -> bool:
    decimal = as_decimal(rough)
    if decimal is None:
        whole = rational(rough)
        if whole is None:
            return False
        decimal = (whole, Fraction(1, 2), 0)
    center, half_unit, _ = decimal
    evaluation = Evaluator({}, 2 * WORKING_DIGITS)
    try:
        value = evaluation(exact)
    except UndefinedError:
        return False
    context = evaluation.context
    target = context.mpf(center.numerator) / center.denominator
    return bool(abs(value - target) <= context.mpf(half_unit.numerator) / half_unit.denominator)


def _region_difference(gold: Node, answer: Node) -> str | None:
    try:
        return None if real_sets.same_real_set(gold, answer) else "a different set of numbers"
    except (real_sets.NotARealSetError, UndefinedError):
        return "unread"


# -- several values -------------------------------------------------------------------------------------


def _assigned_difference(gold: Seq, answer: Node, rules: EqualityRules) -> str | None:
    """Compare `x = 1, y = 2` with the tuple (1, 2) or the reverse; "unread" if they are not such a pair."""
    left, right = assignments(gold), assignments(answer)
    if left is not None and right is not None:
        if left.keys() != right.keys():
            return "other variables"
        return _first(_compare(left[name], right[name], rules) for name in left)
    if right is not None and gold.kind == "tuple":
        answer = Seq("tuple", tuple(right[name] for name in sorted(right)))
        return _sequence_difference(gold, answer, rules)
    if left is not None and isinstance(answer, Seq) and answer.kind == "tuple":
        return _sequence_difference(Seq("tuple", tuple(left[name] for name in sorted(left))), answer, rules)
    return "unread"


def assignments(node: Node) -> dict[str, Node] | None:
    """Read `x = 1, y = 2` as a mapping; None if an item has no name or a name comes twice."""
    if not isinstance(node, Seq) or node.kind != "list" or node.joint == "or":
        return None
    pairs = [definition(item) for item in node.items]
    values = {name: value for name, value in pairs if name is not None}
    return values if len(values) == len(pairs) else None


def _sequence_difference(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    gold, answer = _unnamed(gold), _unnamed(answer)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _matrix_difference(gold, answer, rules)
    if not isinstance(gold, Seq) or not isinstance(answer, Seq):
        single, other = (gold, answer) if isinstance(gold, Seq) else (answer, gold)
        if (
            isinstance(single, Seq)
            and single.kind == "set"
            and len(single.items) == 1
            and not _holds_set(single)
        ):
            left, right = (single.items[0], other) if single is gold else (other, single.items[0])
            return _compare(left, right, rules)
        return (
            "several values where one is asked"
            if isinstance(answer, Seq)
            else "one value where several are asked"
        )
    if answer.kind == "set" and len(answer.items) == 1 and gold.kind != "set" and not _holds_set(answer):
        return _compare(gold, answer.items[0], rules)
    if gold.kind == "set" and _of_several_names(answer):
        return "values of several variables where a set is asked"
    if len(gold.items) > MAX_ITEMS or len(answer.items) > 2 * MAX_ITEMS:
        return "too many values"
    ordered = {"tuple", "bracket"}
    if gold.kind in ordered and answer.kind in ordered:
        if gold.kind != answer.kind and len(gold.items) == 2:
            return "other brackets"
        if len(gold.items) != len(answer.items):
            return f"{len(answer.items)} entries where {len(gold.items)} are asked"
        return _first(_compare(g, a, rules) for g, a in zip(gold.items, answer.items, strict=True))
    if gold.kind in ordered or answer.kind in ordered:
        return "unordered where order matters" if gold.kind in ordered else "a tuple where a set is asked"
    return _unordered_difference(gold, answer, rules)


def _holds_set(node: Seq) -> bool:
    """Whether the elements of a set are sets, so that its braces have a meaning."""
    return any(_is_set(item) for item in node.items)


def _is_set(node: Node) -> bool:
    return (
        node == Const("empty") or isinstance(node, Interval) or (isinstance(node, Seq) and node.kind == "set")
    )


def _of_several_names(node: Node) -> bool:
    """Whether a list defines several variables: `x = 1, y = 2`, but not `x_1 = 1, x_2 = 2`."""
    named_values = assignments(node) or {}
    return len({name.partition("_")[0] for name in named_values}) > 1


def _unnamed(node: Node) -> Node:
    """Read `x = 2 or x = 3` and `x = 2, 3` as the values 2, 3; keep definitions of several variables."""
    if not isinstance(node, Seq) or node.kind != "list":
        return node
    pairs = [definition(item) for item in node.items]
    names = {name for name, _ in pairs if name is not None}
    if len(names) != 1 or pairs[0][0] is None:
        return node
    return Seq("list", tuple(value for _, value in pairs), node.joint)


def _unordered_difference(gold: Seq, answer: Seq, rules: EqualityRules) -> str | None:
    left, right = list(gold.items), list(answer.items)
    if "set" in (gold.kind, answer.kind):
        left, right = _distinct(left, rules), _distinct(right, rules)
    if len(left) != len(right):
        return f"{len(right)} values where {len(left)} are asked"
    for item in left:
        for index, candidate in enumerate(right):
            if _quiet(item, candidate, rules):
                del right[index]
                break
        else:
            return "not the same values"
    return None


def _distinct(items: list[Node], rules: EqualityRules) -> list[Node]:
    kept: list[Node] = []
    for item in items:
        if not any(_quiet(other, item, rules) for other in kept):
            kept.append(item)
    return kept


def _quiet(gold: Node, answer: Node, rules: EqualityRules) -> bool:
    if _is_set(gold) != _is_set(answer):
        return False
    try:
        return _compare(gold, answer, rules) is None
    except UndefinedError:
        return False


def _matrix_difference(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    left, right = _rows(gold), _rows(answer)
    if left is None or right is None:
        return "not a matrix" if left else "a matrix where none is asked"
    if isinstance(gold, Seq) or isinstance(answer, Seq):
        left, right = _as_vector(left), _as_vector(right)
    if len(left) != len(right) or any(len(g) != len(a) for g, a in zip(left, right, strict=True)):
        return "another shape"
    pairs = zip(itertools.chain(*left), itertools.chain(*right), strict=True)
    return _first(_compare(g, a, rules) for g, a in pairs)


def _rows(node: Node) -> tuple[tuple[Node, ...], ...] | None:
    if isinstance(node, Matrix):
        return node.rows
    if isinstance(node, Seq) and node.kind in ("tuple", "bracket"):
        return tuple((item,) for item in node.items)
    return None


def _as_vector(rows: tuple[tuple[Node, ...], ...]) -> tuple[tuple[Node, ...], ...]:
    """Turn a row into a column: in a comparison with a tuple, the direction of a vector has no meaning."""
    return tuple((entry,) for entry in rows[0]) if len(rows) == 1 else rows


def _parts_difference(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    match gold, answer:
        case Interval(), Interval() if (gold.closed_low, gold.closed_high) == (
            answer.closed_low,
            answer.closed_high,
        ):
            return _first(
                iter((_compare(gold.low, answer.low, rules), _compare(gold.high, answer.high, rules)))
            )
        case Builder(), Builder():
            return _first(
                _compare(g, a, rules)
                for g, a in ((gold.element, answer.element), (gold.condition, answer.condition))
            )
    return "a different kind of answer"


# -- one value ------------------------------------------------------------------------------------------


def _based_difference(gold: Node, answer: Node) -> str | None:
    if isinstance(gold, Based) and isinstance(answer, Based):
        return None if gold == answer else "another numeral or base"
    if isinstance(gold, Based):
        return f"not a numeral with its base {gold.base}"
    if not isinstance(answer, Based):
        raise TypeError("one side must be a numeral with its base")
    if answer.base != 10:
        return f"a numeral of base {answer.base}"
    value = Num(Fraction(int(answer.digits) * (-1 if answer.negative else 1)), None, len(answer.digits))
    return None if same_value(gold, value) else "not the value"


def _ratio_difference(gold: Op, answer: Op) -> str | None:
    """Compare ratios up to a common factor: `2 : 4 : 6` is `1 : 2 : 3`."""
    if len(gold.args) != len(answer.args):
        return "another number of parts"
    pairs = list(zip(gold.args, answer.args, strict=True))
    if any((rational(g) == 0) != (rational(a) == 0) for g, a in pairs):
        return "another ratio"
    for (g, a), (h, b) in itertools.combinations(pairs, 2):
        if not same_value(Op("*", (g, b)), Op("*", (h, a))):
            return "another ratio"
    return None


def _scalar_difference(gold: Node, answer: Node, rules: EqualityRules) -> str | None:
    if isinstance(gold, Op) and isinstance(answer, Op) and gold.name == answer.name == "ratio":
        return _ratio_difference(gold, answer)
    (left, unit), (right, other) = value_and_unit(gold), value_and_unit(answer)
    if unit is not None and other is None:
        right, other = letter_unit(right, unit)
    if unit is not None and other is not None and unit != other:
        if {unit, other} == {DEGREE, RADIAN}:
            left, right = in_radians(left, unit), in_radians(right, other)
        elif unit.powers != other.powers:
            return "another unit"
        else:
            left, right = scaled(left, unit.factor), scaled(right, other.factor)
    elif (
        (unit is None) != (other is None)
        and DEGREE in (unit, other)
        and _same(in_radians(left, unit), in_radians(right, other), rules)
    ):
        return None
    if _same(left, right, rules):
        return None
    if rules.percent and _same(without_percent(left), without_percent(right), rules):
        return None
    return "not the value"


def _same(gold: Node, answer: Node, rules: EqualityRules) -> bool:
    return same_value(gold, answer, rules.tolerance)


def _first(reasons: Iterable[str | None]) -> str | None:
    return next((reason for reason in reasons if reason), None)
