# ruff: noqa: E501 - programs as they are
"""Right answers in the styles that people and models write; all of them must pass."""

from __future__ import annotations

from typing import Any

PROGRAM = {"tests": [{"stdin": f"{n}\n", "stdout": f"{n * n}\n"} for n in (2, 3)]}

PROGRAMS = {
    "input": "print(int(input()) ** 2)",
    "exit()": "print(int(input()) ** 2)\nexit()",
    "exit(0)": "print(int(input()) ** 2)\nexit(0)\nprint(1)",
    "quit()": "print(int(input()) ** 2)\nquit()",
    "SystemExit": "print(int(input()) ** 2)\nraise SystemExit",
    "sys.exit(main())": "import sys\ndef main():\n    print(int(input()) ** 2)\nif __name__ == '__main__':\n    sys.exit(main())",
    "a thread that nobody joins": "import sys, threading, time\ndef main():\n    time.sleep(0.02)\n    print(int(input()) ** 2)\n"
    "sys.setrecursionlimit(10 ** 6)\nthreading.stack_size(1 << 27)\nthreading.Thread(target=main).start()",
    "a thread that recurs": "import sys, threading\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\n"
    "def main(): print(int(input()) ** 2 + g(100_000) - 100_000)\nsys.setrecursionlimit(10 ** 7)\n"
    "threading.stack_size(512 * 1024 * 1024)\nt = threading.Thread(target=main)\nt.start()\nt.join()",
    "a pool that nobody shuts": "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(2).submit(lambda: print(int(input()) ** 2))",
    "a file that nobody closes": "out = open(1, 'w')\nout.write(str(int(input()) ** 2))",
    "a wrapper that nobody flushes": "import io, sys\nout = io.TextIOWrapper(sys.stdout.buffer)\nprint(int(input()) ** 2, file=out)",
    "standard output, closed": "import sys\nprint(int(input()) ** 2)\nsys.stdout.close()",
    "the original standard output": "import sys\nprint(int(sys.__stdin__.readline()) ** 2, file=sys.__stdout__)",
    "a finalizer": "class Out:\n    def __init__(self): self.all = []\n    def __del__(self): print(*self.all)\no = Out()\no.all.append(int(input()) ** 2)",
    "atexit": "import atexit\nout = []\natexit.register(lambda: print(*out))\nout.append(int(input()) ** 2)",
    "its own streams": "import io, os, sys\nclass Out(io.IOBase):\n    def __init__(self): self.all = io.BytesIO()\n    def write(self, s): return self.all.write(s.encode())\n"
    "    def flush(self):\n        os.write(1, self.all.getvalue())\n        self.all = io.BytesIO()\n"
    "class In(io.IOBase):\n    def readline(self): return os.read(0, os.fstat(0).st_size).decode()\n"
    "sys.stdin, sys.stdout = In(), Out()\ninput = lambda: sys.stdin.readline().rstrip()\nprint(int(input()) ** 2)",
    "bytes": "import sys\nn = int(sys.stdin.buffer.readline())\nsys.stdout.buffer.write(b'%d' % (n * n))",
    "text, then bytes": "import sys\nprint(int(sys.stdin.readline()) ** 2, end='', flush=True)\nsys.stdout.buffer.write(b'\\n')",
    "the rest of the input": "import sys\nsys.stdout.write('\\n'.join(str(int(n) ** 2) for n in sys.stdin.read().split()))",
    "until the end of the input": "try:\n    while True:\n        print(int(input()) ** 2)\nexcept EOFError:\n    pass",
    "fileinput": "import fileinput\nfor line in fileinput.input():\n    print(int(line) ** 2)",
    "descriptor 0": "for line in open(0):\n    print(int(line) ** 2)",
    "walrus": "import sys\nwhile line := sys.stdin.readline():\n    print(int(line) ** 2)",
    "asyncio": "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    print(int(input()) ** 2)\nasyncio.run(main())",
    "reads its limits": "import resource\nresource.getrlimit(resource.RLIMIT_STACK)\nprint(int(input()) ** 2)",
    "its own place": "import os\nos.path.dirname(os.path.abspath(__file__))\nprint(int(input()) ** 2)",
    "numpy where it is": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\nprint(int(input()) ** 2)",
    "deep lru_cache": "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10 ** 6)\n@lru_cache(None)\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\n"
    "print(int(input()) ** 2 + g(20_000) - 20_000)",
    "pickle": "import pickle\nclass A: pass\na = A()\na.x = int(input())\nprint(pickle.loads(pickle.dumps(a)).x ** 2)",
    "dataclass": "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int\nprint(P(int(input())).x ** 2)",
    "decimal": "from decimal import Decimal, getcontext\ngetcontext().prec = 50\nprint(int(Decimal(input()) ** 2))",
    "fractions, typing, collections": "from fractions import Fraction\nfrom typing import List, Optional\nfrom collections import deque\nq: Optional[List[int]] = list(deque([int(input())]))\nprint(Fraction(q[0]) ** 2)",
    "match": "n = int(input())\nmatch n:\n    case 2: print(4)\n    case _: print(n * n)",
    "standard error": "import sys\nprint('debug' * 100_000, file=sys.stderr)\nprint(int(input()) ** 2)",
    "logging": "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('x')\nprint(int(input()) ** 2)",
    "exec": "exec('print(int(input()) ** 2)')",
    "sqlite": "import sqlite3\nn = int(input())\nprint(sqlite3.connect(':memory:').execute('select ? * ?', (n, n)).fetchone()[0])",
    "a file of its own": "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as t:\n    t.write(input())\n    t.seek(0)\n    print(int(t.read()) ** 2)",
    "signal": "import signal\nsignal.alarm(5)\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nprint(int(input()) ** 2)",
    "white space and empty lines": "print(f'{int(input()) ** 2}   ')\nprint()\nprint()",
}

FUNCTION = {
    "entry_point": "f",
    "tests": [
        {"input": [a], "expected": [[x, 2 * x] for x in sorted(a)]} for a in ([3, 1, 2], [], [5], [2, 2])
    ],
}

FUNCTIONS = {
    "list": "def f(a):\n    return [[x, 2 * x] for x in sorted(a)]",
    "tuples": "def f(a):\n    return tuple((x, 2 * x) for x in sorted(a))",
    "hints": "from typing import List\ndef f(a: List[int]) -> List[List[int]]:\n    out: List[List[int]] = []\n    for x in sorted(a):\n        out.append([x, x << 1])\n    return out",
    "in place": "def f(a):\n    a.sort()\n    for i, x in enumerate(a):\n        a[i] = [x, 2 * x]\n    return a",
    "lambda": "f = lambda a: [[x, 2 * x] for x in sorted(a)]",
    "a method": "class Solution:\n    def f(self, a):\n        return [[x, 2 * x] for x in sorted(a)]\nf = Solution().f",
    "a callable object": "class F:\n    def __call__(self, a): return [[x, 2 * x] for x in sorted(a)]\nf = F()",
    "a decorator": "import functools\ndef same(g):\n    @functools.wraps(g)\n    def h(*a): return g(*a)\n    return h\n@same\ndef f(a): return [[x, 2 * x] for x in sorted(a)]",
    "partial": "from functools import partial\ndef g(by, a): return [[x, by * x] for x in sorted(a)]\nf = partial(g, 2)",
    "heapq": "import heapq\ndef f(a):\n    heapq.heapify(a)\n    return [[x := heapq.heappop(a), 2 * x] for _ in range(len(a))]",
    "bisect": "from bisect import insort\ndef f(a):\n    b = []\n    for x in a: insort(b, x)\n    return [[x, 2 * x] for x in b]",
    "recursion": "def f(a):\n    if not a: return []\n    m = min(a)\n    a.remove(m)\n    return [[m, m + m]] + f(a)",
    "floats": "def f(a):\n    return [[x, 2.0 * x] for x in sorted(a)]",
    "a memo kept between calls": "memo = {}\ndef f(a):\n    key = tuple(a)\n    if key not in memo: memo[key] = [[x, 2 * x] for x in sorted(a)]\n    return memo[key]",
    "one list twice": "def f(a):\n    pair = {}\n    return [pair.setdefault(x, [x, 2 * x]) for x in sorted(a)]",
    "prints": "def f(a):\n    print('sorting', a)\n    return [[x, 2 * x] for x in sorted(a)]",
    "a main part": "def f(a):\n    return [[x, 2 * x] for x in sorted(a)]\nif __name__ == '__main__':\n    print(f([int(x) for x in input().split()]))",
    "an async helper": "import asyncio\nasync def g(a): return [[x, 2 * x] for x in sorted(a)]\ndef f(a): return asyncio.run(g(a))",
    "processes' helper": "from multiprocessing import cpu_count\ndef f(a):\n    cpu_count()\n    return [[x, 2 * x] for x in sorted(a)]",
    "a generator inside": "def g(a):\n    for x in sorted(a): yield [x, 2 * x]\ndef f(a): return list(g(a))",
    "global state": "calls = 0\ndef f(a):\n    global calls\n    calls += 1\n    return [[x, 2 * x] for x in sorted(a)]",
    "more arguments with defaults": "def f(a, by=2, *, key=None):\n    return [[x, by * x] for x in sorted(a, key=key)]",
    "a doctest": 'def f(a):\n    """Pairs.\n\n    >>> f([1])\n    [[1, 2]]\n    """\n    return [[x, 2 * x] for x in sorted(a)]\nimport doctest\ndoctest.testmod()',
    "assertions at the end": "def f(a):\n    return [[x, 2 * x] for x in sorted(a)]\nassert f([1]) == [[1, 2]]",
    "a fence in a docstring": 'def f(a):\n    """Pairs:\n    ```\n    f([1])\n    ```\n    """\n    return [[x, 2 * x] for x in sorted(a)]',
    "non-ASCII names": "def f(liste_à_trier):\n    # übrigens …\n    return [[ξ, 2 * ξ] for ξ in sorted(liste_à_trier)]",
}

TESTED: dict[str, tuple[dict[str, Any], str]] = {
    "a counter": ({"test_code": "assert tick() == 1\nassert tick() == 2"}, "n = 0\ndef tick():\n    global n\n    n += 1\n    return n"),
    "a store": ({"test_code": "put('a', 1)\nassert get('a') == 1\nput('a', 2)\nassert get('a') == 2"}, "d = {}\ndef put(k, v): d[k] = v\ndef get(k): return d[k]"),
    "an account": ({"test_code": "assert deposit(10) == 10\nassert deposit(5) == 15\nassert withdraw(3) == 12"},
                   "b = 0\ndef deposit(x):\n    global b\n    b += x\n    return b\ndef withdraw(x): return deposit(-x)"),
    "dice": ({"test_code": "for _ in range(20):\n    assert 1 <= f(6) <= 6", "entry_point": "f"}, "import random\ndef f(n): return random.randint(1, n)"),
    "a shuffle": ({"test_code": "for n in range(2, 9):\n    assert sorted(f(list(range(n)))) == list(range(n))", "entry_point": "f"},
                  "import random\ndef f(a):\n    random.shuffle(a)\n    return a"),
    "a variable named like a module": ({"test_code": "def check(f):\n    nt, queue = f(1), f(2)\n    assert [nt, queue] == [1, 4]", "entry_point": "f"}, "def f(x): return x * x"),
    "text of an object": ({"test_code": "v = V(1, 2)\nassert str(v) == '(1, 2)'\nassert repr(v) == 'V'\nassert f'{v}' == '(1, 2)'"},
                          "class V:\n    def __init__(s, x, y): s.x, s.y = x, y\n    def __str__(s): return f'({s.x}, {s.y})'\n    def __repr__(s): return 'V'"),
    "items of an object": ({"test_code": "c = C()\nc['a'] = 1\nassert c['a'] == 1\nassert len(c) == 1\ndel c['a']\nassert len(c) == 0"}, "class C(dict): pass"),
    "a cache": ({"test_code": "c = LRU(2)\nc.put(1, 1)\nc.put(2, 2)\nassert c.get(1) == 1\nc.put(3, 3)\nassert c.get(2) == -1"},
                "from collections import OrderedDict\nclass LRU:\n    def __init__(s, n): s.n, s.d = n, OrderedDict()\n    def get(s, k):\n        if k not in s.d: return -1\n        s.d.move_to_end(k)\n        return s.d[k]\n"
                "    def put(s, k, v):\n        s.d[k] = v\n        s.d.move_to_end(k)\n        if len(s.d) > s.n: s.d.popitem(last=False)"),
    "a unittest's own assertions": ({"test_code": "import unittest\nt = unittest.TestCase()\nt.assertEqual(f(2), 4)\nt.assertRaises(ValueError, f, -1)", "entry_point": "f"},
                                    "def f(x):\n    if x < 0: raise ValueError\n    return x * x"),
    "the end of an iterator": ({"test_code": "g = f(1)\nassert next(g) == 1\ntry:\n    next(g)\nexcept StopIteration:\n    pass\nelse:\n    assert False", "entry_point": "f"}, "def f(x): yield x"),
    "tests in a main part": ({"test_code": "def test_f():\n    assert f(2) == 4\nif __name__ == '__main__':\n    test_f()", "entry_point": "f"}, "def f(x): return x * x"),
    "a constant": ({"test_code": "assert LIMIT == 3"}, "LIMIT = 3"),
    "tests in functions that are called": ({"test_code": "def test_f():\n    assert f(2) == 4\ntest_f()", "entry_point": "f"}, "def f(x): return x * x"),
}  # fmt: skip

COMPLETIONS = {
    "indented with its fence": "  ```python\n  def f(x):\n      return x * x\n  ```",
    "in a list": "1. Square it:\n   ```python\n   def f(x):\n       return x * x\n   ```\n2. Done.",
    "deep in a list": "- So\n  - it is:\n\n      ```python\n      def f(x):\n          return x * x\n      ```\n",
    "a version": "```python3.11\ndef f(x): return x * x\n```",
    "a file name": "```python:main.py\ndef f(x): return x * x\n```",
    "attributes": "```{.python .numberLines}\ndef f(x): return x * x\n```",
    "a byte order mark": "```python\n\ufeffdef f(x): return x * x\n```",
    "bare, with a byte order mark": "\ufeffdef f(x): return x * x",
    "bare, a loop on one line": "for _ in (1,): f = lambda x: x * x",
    "bare, unpacking": "(a, b) = 1, 2\ndef f(x): return x * x",
    "bare, a condition on one line": "if True: f = lambda x: x * x",
    "carriage returns": "So:\r\n```python\r\ndef f(x):\r\n    return x * x\r\n```\r\n",
    "output after it": "```python\ndef f(x): return x * x\n```\nIt prints:\n```\n4\n```",
    "a form feed": "```python\n\x0cdef f(x): return x * x\n```",
    "a cookie": "```python\n# -*- coding: latin-1 -*-\ndef f(x): return x * x\n```",
}
