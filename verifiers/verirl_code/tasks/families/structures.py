"""Recursion over nested lists and recurrences, and graphs."""

from __future__ import annotations

from random import Random
from typing import Any

from verirl.taskgen.difficulty import among, level
from verirl_code.tasks.families.problem import Args, Family, Piece, Problem, counted, integers


def nested(rng: Random, depth: int) -> list[Any]:
    """Draw a list of integers and lists, at most `depth` deep."""
    return [
        nested(rng, depth - 1) if depth > 1 and rng.random() < 0.4 else rng.randint(-9, 15)
        for _ in range(rng.randint(0, 4))
    ]


_TREES: tuple[Args, ...] = (([],), ([1],), ([[]],), ([1, [2, [3, [4]]], 5],), ([[-1, 2], [], [[7]]],))


def _tree_sum(rng: Random, difficulty: float) -> Problem:
    start, factor = rng.randint(0, 5), rng.choice((-2, -1, 2, 3, 4))
    m = rng.randint(2, 9)
    test = rng.choice(
        (
            Piece("", "True"),
            Piece(" that is odd", "x % 2 != 0"),
            Piece(f" that is less than {m}", f"x < {m}"),
            Piece(" that is even", "x % 2 == 0"),
            Piece(f" that is greater than {m}", f"x > {m}"),
            Piece(f" that is not divisible by {m}", f"x % {m} != 0"),
        )
    )
    weight = rng.choice(
        (
            Piece(
                f"its depth, which is {start} in the outermost list and 1 more in each list inside another",
                "depth + 1",
            ),
            Piece(
                (
                    f"a weight, which is {start + 1} in the outermost list and in a list inside another "
                    f"{factor} times that of the other"
                ),
                f"depth * {factor}",
            ),
        )
    )
    first = start if "+" in weight.code else start + 1
    alone = "" if test.code == "True" else f" and {test.code}"
    source = (
        (
            f"def weigh(a, depth={first}):\n    total = 0\n    for x in a:\n"
            f"        if isinstance(x, list):\n            total += weigh(x, {weight.code})\n"
        )
        + (f"        elif {test.code}:\n" if alone else "        else:\n")
        + "            total += x * depth\n    return total\n"
    )
    ask = (
        "`a` is a list of integers and lists like it. Return the sum, over each "
        f"integer{test.say}, of the integer times {weight.say}."
    )
    return Problem("weigh", (("a", "list"),), "int", ask, source, lambda r: (nested(r, 4),), _TREES)


def _tree_shape(rng: Random, difficulty: float) -> Problem:
    keep, k = rng.randint(0, 3), rng.randint(2, 30)
    kinds = [
        (
            (
                f"Return how many lists there are inside `a`, at any depth, that have at least "
                f"{counted(keep, 'element')}; `a` itself counts too."
            ),
            (
                f"def lists_in(a):\n    count = 1 if len(a) >= {keep} else 0\n    for x in a:\n"
                "        if isinstance(x, list):\n            count += lists_in(x)\n"
                "    return count\n"
            ),
            "lists_in",
            "int",
        ),
        (
            (
                f"Return the list with each integer x in it, at any depth, replaced by x + {k} * d, where d "
                "is 1 in `a` itself and 1 more in each list inside another; lists inside that are empty in "
                "`a` are left out, those that become empty stay."
            ),
            (
                "def deepen(a, depth=1):\n    result = []\n    for x in a:\n"
                f"        if not isinstance(x, list):\n            result.append(x + {k} * depth)\n"
                "        elif x:\n            result.append(deepen(x, depth + 1))\n"
                "    return result\n"
            ),
            "deepen",
            "list",
        ),
        (
            (
                "The flat form of a list is one list of its integers and of the flat forms of the "
                "lists in it, joined in their order; where the list has more than "
                f"{counted(keep + 1, 'element')} (integers and lists), that is reversed as a whole. "
                "Return the flat form of `a`."
            ),
            (
                "def flat(a):\n    result = []\n    for x in a:\n        if isinstance(x, list):\n"
                "            result.extend(flat(x))\n        else:\n            result.append(x)\n"
                f"    if len(a) > {keep + 1}:\n        result.reverse()\n    return result\n"
            ),
            "flat",
            "list[int]",
        ),
        (
            (
                f"The value of a list is {k} plus the largest value of its elements, an integer being "
                f"its own value; an empty list has value {keep}. Return the value of `a`."
            ),
            (
                "def value(a):\n    best = None\n    for x in a:\n"
                "        v = value(x) if isinstance(x, list) else x\n"
                "        if best is None or v > best:\n            best = v\n    if best is None:\n"
                f"        return {keep}\n    return best + {k}\n"
            ),
            "value",
            "int",
        ),
    ]
    ask, source, name, result = rng.choice(kinds)
    return Problem(
        name,
        (("a", "list"),),
        result,
        f"`a` is a list of integers and lists like it. {ask}",
        source,
        lambda r: (nested(r, 4),),
        _TREES,
    )


def _recurrence(rng: Random, difficulty: float) -> Problem:
    order = level(difficulty, 1, 3)
    first = [rng.randint(0, 5) for _ in range(order)]
    factors = [rng.choice((1, 1, 2, 3, -1)) for _ in range(order)]
    plus, m = rng.randint(0, 6), rng.choice((0, rng.randint(50, 1000)))
    terms = " + ".join(
        f"{c} * f(n - {k + 1})" if c != 1 else f"f(n - {k + 1})" for k, c in enumerate(factors)
    )
    say = " + ".join({1: "", -1: "−"}.get(c, f"{c}·") + f"f(n−{k + 1})" for k, c in enumerate(factors))
    right = terms + (f" + {plus}" if plus else "")
    code = f"({right}) % {m}" if m else right
    source = (
        f"def term(n):\n    first = {first}\n    known = {{}}\n\n    def f(n):\n"
        f"        if n < {order}:\n            return first[n]\n        if n not in known:\n"
        f"            known[n] = {code}\n        return known[n]\n\n    return f(n)\n"
    )
    starts = ", ".join(f"f({n}) = {value}" for n, value in enumerate(first))
    ask = (
        f"Return f(`n`) (n at least 0) where {starts} and, from n = {order} on, "
        f"f(n) = {say}{f' + {plus}' if plus else ''}"
        + (f", all of that modulo {m} (from 0 to {m - 1})." if m else ".")
    )
    return Problem(
        "term", (("n", "int"),), "int", ask, source, integers((0, 25)), tuple((n,) for n in range(5))
    )


def _split_number(rng: Random, difficulty: float) -> Problem:
    parts = sorted(rng.sample(range(1, 9), level(difficulty, 2, 4)))
    limit, ordered = rng.randint(3, 9), rng.random() < 0.5
    inner = (
        (
            f"    total = 0\n    for p in {parts}:\n        if p <= n:\n"
            "            total += ways(n - p, left - 1)\n    return total\n"
        )
        if ordered
        else (
            f"    total = 0\n    for p in {parts}:\n        if least <= p <= n:\n"
            "            total += ways(n - p, left - 1, p)\n    return total\n"
        )
    )
    head = f"def ways(n, left={limit})" if ordered else f"def ways(n, left={limit}, least=1)"
    source = f"{head}:\n    if n == 0:\n        return 1\n    if left == 0:\n        return 0\n{inner}"
    order = "the order matters" if ordered else "the order does not matter"
    ask = (
        f"Return in how many ways `n` (at least 0) is a sum of at most {limit} numbers, each "
        f"one of {', '.join(map(str, parts))} and used as often as you like, where {order}; 0 "
        "is the empty sum, in 1 way."
    )
    return Problem(
        "ways", (("n", "int"),), "int", ask, source, integers((0, 14)), tuple((n,) for n in range(6))
    )


def recursion(rng: Random, difficulty: float) -> Problem:
    """Draw a problem on nested lists, recurrences or numbers of ways."""
    return among(rng, difficulty, (_recurrence, _tree_sum, _tree_shape, _split_number))


def _edges(r: Random, nodes: int, share: float) -> list[list[int]]:
    found = [[a, b] for a in range(nodes) for b in range(nodes) if a != b and r.random() < share]
    r.shuffle(found)
    return found


def _graph(r: Random) -> tuple[int, list[list[int]]]:
    nodes = r.randint(1, 7)
    return nodes, _edges(r, nodes, r.choice((0.12, 0.2, 0.35)))


_GRAPH = "The nodes of a graph are 0 to `n` − 1; each element [a, b] of `edges` is an edge "
_GRAPHS: tuple[Args, ...] = (
    (1, []),
    (3, []),
    (3, [[0, 1], [1, 2]]),
    (4, [[1, 0], [2, 3], [3, 2]]),
    (5, [[0, 1], [1, 2], [2, 0], [3, 4]]),
)
_SIGNATURE = (("n", "int"), ("edges", "list[list[int]]"))


def _linked(both: bool) -> str:
    back = "        near[b].append(a)\n" if both else ""
    return f"    near = [[] for _ in range(n)]\n    for a, b in edges:\n        near[a].append(b)\n{back}"


def _reach(rng: Random, difficulty: float) -> Problem:
    both = rng.random() < 0.4
    most, m = rng.randint(1, 1 + level(difficulty, 1, 3)), rng.randint(2, 3)
    test = rng.choice(
        (
            Piece(f"at most {most}", f"far[v] <= {most}"),
            Piece(f"exactly {most}", f"far[v] == {most}"),
            Piece(f"at least {most}", f"far[v] >= {most}"),
            Piece(f"divisible by {m}", f"far[v] % {m} == 0"),
        )
    )
    what = rng.choice(
        (
            Piece("how many nodes can", "len(found)"),
            Piece("the sorted list of the nodes that can", "found"),
            Piece("the sum of the numbers of the nodes that can", "sum(found)"),
            Piece("the largest number (-1 if there is none) of the nodes that can", "max(found, default=-1)"),
        )
    )
    last = rng.random() < 0.4
    start, name = ("n - 1", "node n − 1") if last else ("0", "node 0")
    k = rng.randint(2, 4)
    r = rng.randrange(k)
    closed = rng.random() < 0.2 + 0.5 * difficulty
    shut = f" and v % {k} != {r}" if closed else ""
    source = (
        f"def reached(n, edges):\n{_linked(both)}    far = {{{start}: 0}}\n    queue = [{start}]\n"
        f"    for u in queue:\n        for v in near[u]:\n            if v not in far{shut}:\n"
        "                far[v] = far[u] + 1\n                queue.append(v)\n"
        f"    found = sorted(v for v in far if {test.code})\n    return {what.code}\n"
    )
    rule = (
        f" Nodes whose number has remainder {r} modulo {k} are closed: no way enters one (to start at "
        f"{name} is always allowed)."
        if closed
        else ""
    )
    ask = (
        f"{_GRAPH}{'between a and b' if both else 'from a to b'}.{rule} The distance of a node is "
        f"the smallest number of edges on a way from {name} to it (0 for {name}). Return {what.say} be "
        f"reached from {name} and have a distance that is {test.say}."
    )
    return Problem(
        "reached", _SIGNATURE, "list[int]" if what.code == "found" else "int", ask, source, _graph, _GRAPHS
    )


def _parts(rng: Random, difficulty: float) -> Problem:
    least, m = rng.randint(1, 3), rng.randint(2, 3)
    test = rng.choice(
        (
            Piece(f"at least {counted(least, 'node')}", f"len(part) >= {least}"),
            Piece(f"a sum of node numbers divisible by {m}", f"sum(part) % {m} == 0"),
            Piece("an odd number of nodes", "len(part) % 2 == 1"),
            Piece(f"at most {counted(least, 'node')}", f"len(part) <= {least}"),
        )
    )
    what = rng.choice(
        (
            Piece("how many parts there are", "len(sizes)"),
            Piece("the sorted list of the sizes of the parts", "sorted(sizes)"),
            Piece("the size of the largest part (0 if there is none)", "max(sizes, default=0)"),
            Piece("the size of the smallest part (0 if there is none)", "min(sizes, default=0)"),
        )
    )
    k = rng.randint(2, 4)
    r = rng.randrange(k)
    kept = rng.choice(
        (
            Piece("", "True"),
            Piece(f" whose sum a + b has remainder {r} modulo {k}", f"(a + b) % {k} == {r}"),
            Piece(f" whose numbers a and b are at most {k} apart", f"abs(a - b) <= {k}"),
            Piece(f" of which neither a nor b is {r}", f"a != {r} and b != {r}"),
        )
    )
    linked = _linked(True)
    if kept.say:
        linked = linked.replace(
            "in edges:\n", f"in edges:\n        if not ({kept.code}):\n            continue\n"
        )
    source = (
        f"def parts(n, edges):\n{linked}    seen = set()\n    sizes = []\n"
        "    for start in range(n):\n        if start in seen:\n            continue\n"
        "        part = []\n        stack = [start]\n        seen.add(start)\n"
        "        while stack:\n            u = stack.pop()\n            part.append(u)\n"
        "            for v in near[u]:\n                if v not in seen:\n"
        "                    seen.add(v)\n                    stack.append(v)\n"
        f"        if {test.code}:\n            sizes.append(len(part))\n"
        f"    return {what.code}\n"
    )
    only = f" Only the edges{kept.say} count." if kept.say else ""
    ask = (
        f"{_GRAPH}between a and b.{only} A part is a largest set of nodes that are all connected "
        f"with each other, directly or over others (a node without edges is a part of its own). "
        f"Return {what.say}, counting only parts "
        f"with {test.say}."
    )
    return Problem(
        "parts", _SIGNATURE, "list[int]" if "sorted" in what.code else "int", ask, source, _graph, _GRAPHS
    )


def _order(rng: Random, difficulty: float) -> Problem:
    largest, m, factor = rng.random() < 0.5, rng.randint(2, 7), rng.randint(1, 5)
    pick = "max(ready)" if largest else "min(ready)"
    by = "largest" if largest else "smallest"
    which = f"{by} number"
    if rng.random() < difficulty:
        key = f"{factor} * v % {m}" if factor > 1 else f"v % {m}"
        times = f"{factor} times its number" if factor > 1 else "its number"
        pick = f"{'max' if largest else 'min'}(ready, key=lambda v: ({key}, v))"
        which = (
            f"{by} remainder of {times} modulo {m}, and where several have it the one with the {by} number"
        )
    source = (
        f"def order(n, edges):\n    waits = [0] * n\n{_linked(False)}        waits[b] += 1\n"
        "    ready = [v for v in range(n) if waits[v] == 0]\n    done = []\n"
        f"    while ready:\n        u = {pick}\n        ready.remove(u)\n"
        "        done.append(u)\n"
        "        for v in near[u]:\n            waits[v] -= 1\n"
        "            if waits[v] == 0:\n                ready.append(v)\n    return done\n"
    )
    ask = (
        f"{_GRAPH}from a to b: job a has to be done before job b. Do the jobs one by one: of those "
        "whose jobs before are all done, always the one with the "
        f"{which}. Return the list of jobs in "
        "the order in which they are done; jobs that can never be done are left out."
    )

    def draw(r: Random) -> Args:
        nodes = r.randint(1, 7)
        names = r.sample(range(nodes), nodes)
        return nodes, [[names[a], names[b]] for a, b in _edges(r, nodes, 0.2) if a < b or r.random() < 0.1]

    return Problem(
        "order",
        _SIGNATURE,
        "list[int]",
        ask,
        source,
        draw,
        _GRAPHS,
    )


def _cheapest(rng: Random, difficulty: float) -> Problem:
    toll, m = rng.randint(0, 5), rng.randint(2, 4)
    both = rng.random() < 0.5
    most = rng.randint(6, 20)
    limited = rng.random() < 0.5
    extra = f"({toll} if v % {m} == 0 else 0)"
    cost = f"d + w + {extra}" if toll else "d + w"
    back = "        near[b].append((a, w))\n" if both else ""
    found = f"[c if c <= {most} else -1 for c in cost]" if limited else "cost"
    source = (
        "from heapq import heappop, heappush\n\n\n"
        "def cheapest(n, edges):\n    near = [[] for _ in range(n)]\n"
        "    for a, b, w in edges:\n        near[a].append((b, w))\n"
        f"{back}    cost = [-1] * n\n    heap = [(0, 0)]\n    while heap:\n"
        "        d, u = heappop(heap)\n        if cost[u] >= 0:\n            continue\n"
        "        cost[u] = d\n"
        "        for v, w in near[u]:\n            if cost[v] < 0:\n"
        f"                heappush(heap, ({cost}, v))\n    return {found}\n"
    )
    ask = (
        (
            "The nodes of a graph are 0 to `n` − 1; each element [a, b, w] of `edges` is an edge "
            f"{'between a and b' if both else 'from a to b'} that costs w (at least 1). "
        )
        + (
            (
                f"To enter a node whose number is divisible by {m} costs {toll} more, each time; "
                "to start at node 0 costs nothing. "
            )
            if toll
            else ""
        )
        + (
            "Return the list of the lowest costs of ways from node 0 to each of the nodes 0 to n − 1, with "
            "-1 for a node that cannot be reached" + (f" at a cost of at most {most}." if limited else ".")
        )
    )

    def draw(r: Random) -> Args:
        nodes, edges = _graph(r)
        return nodes, [[a, b, r.randint(1, 12)] for a, b in edges]

    edges: tuple[Args, ...] = (
        (1, []),
        (3, [[0, 1, 5], [1, 2, 1], [0, 2, 9]]),
        (4, [[0, 1, 2], [1, 3, 2], [0, 3, 3]]),
    )
    return Problem("cheapest", _SIGNATURE, "list[int]", ask, source, draw, edges)


def _degrees(rng: Random, difficulty: float) -> Problem:
    k, more = rng.randint(1, 2), rng.randint(1, 3)
    test = rng.choice(
        (
            Piece(f"have at least {counted(more, 'edge')} out", f"out[v] >= {more}"),
            Piece(f"have fewer than {counted(more, 'edge')} in", f"into[v] < {more}"),
            Piece(f"have at least {k} more edges out than in", f"out[v] - into[v] >= {k}"),
            Piece(f"have exactly {counted(k, 'edge')} in", f"into[v] == {k}"),
            Piece("have as many edges in as out", "into[v] == out[v]"),
            Piece(
                f"have more than {counted(k, 'edge')} in and out together",
                f"into[v] + out[v] > {k}",
            ),
            Piece("have an edge in but none out", "into[v] > 0 and out[v] == 0"),
        )
    )
    low, down = rng.randint(0, 2), rng.random() < 0.5
    what = rng.choice(("list", "list", "len", "sum"))
    nodes = f"range({f'n - 1, {low - 1}, -1' if down else f'{low}, n'})"
    wanted = f"v for v in {nodes} if {test.code}"
    if what != "list":
        wanted = f"v for v in range({low}, n) if {test.code}"
    result = {"list": f"[{wanted}]", "len": f"len([{wanted}])", "sum": f"sum({wanted})"}[what]
    source = (
        "def chosen(n, edges):\n    into = [0] * n\n    out = [0] * n\n"
        "    for a, b in edges:\n        out[a] += 1\n        into[b] += 1\n"
        f"    return {result}\n"
    )
    say = {
        "list": f"the list, from {'large to small' if down else 'small to large'}, of the",
        "len": "the number of",
        "sum": "the sum of the numbers of the",
    }[what]
    ask = (
        f"{_GRAPH}from a to b. Return {say} nodes{f' with a number of at least {low}' if low else ''} "
        f"that {test.say}."
    )
    kind = "list[int]" if what == "list" else "int"
    return Problem("chosen", _SIGNATURE, kind, ask, source, _graph, _GRAPHS)


def graphs(rng: Random, difficulty: float) -> Problem:
    """Draw a graph problem: degrees, reachability, components, topological orders, cheapest paths."""
    return among(rng, difficulty, (_degrees, _reach, _parts, _order, _cheapest))


FAMILIES = (
    Family("recursion", "structures", recursion),
    Family("graphs", "structures", graphs),
)
