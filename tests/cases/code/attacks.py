# ruff: noqa: E501 - programs as they are
"""Answers that try to get an unearned reward or to do harm. Each is a whole program text.

`f` is asked for the double of a number (the tests are 1..6); none of these may pass.
"""

from __future__ import annotations

_IDLE = "\ndef f(x):\n    return None\n"


def _top(code: str) -> str:
    return code + _IDLE


def _inside(code: str) -> str:
    return "def f(x):\n" + "".join(f"    {line}\n" for line in code.splitlines())


_EQUAL = "class Yes({base}):\n    def __eq__(self, other):\n        return True\n    __ne__ = __lt__ = lambda s, o: False\n    def __hash__(self):\n        return 0\n"

FORGED = {
    "os._exit at import": _top("import os\nos._exit(0)"),
    "os._exit in the call": _inside("import os\nos._exit(0)"),
    "os._exit with the code of a failed setup": _top("import os\nos._exit(97)"),
    "os._exit 97 in the call": _inside("import os\nos._exit(97)"),
    "sys.exit at import": _top("import sys\nsys.exit(0)"),
    "sys.exit in the call": _inside("import sys\nsys.exit(0)"),
    "raise SystemExit subclass": _inside("class E(SystemExit): pass\nraise E(0)"),
    "KeyboardInterrupt": _inside("raise KeyboardInterrupt"),
    "GeneratorExit": _inside("raise GeneratorExit"),
    "exit by signal": _inside("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    "abort": _inside("import os\nos.abort()"),
    "segmentation fault": _inside("import ctypes\nctypes.string_at(0)"),
    "always equal object": _EQUAL.format(base="object") + "def f(x):\n    return Yes()\n",
    "always equal int": _EQUAL.format(base="int") + "def f(x):\n    return Yes(0)\n",
    "always equal str": _EQUAL.format(base="str") + "def f(x):\n    return Yes('')\n",
    "always equal list": _EQUAL.format(base="list") + "def f(x):\n    return Yes()\n",
    "always equal dict": _EQUAL.format(base="dict") + "def f(x):\n    return Yes()\n",
    "always equal float": _EQUAL.format(base="float") + "def f(x):\n    return Yes(0)\n",
    "lying class": "class C:\n    @property\n    def __class__(self):\n        return int\ndef f(x):\n    return C()\n",
    "metaclass that is equal to all": "class M(type):\n    def __eq__(s, o): return True\n    def __hash__(s): return hash(int)\n"
    "class C(metaclass=M): pass\ndef f(x):\n    return C()\n",
    "hostile name of a class": "class M(type):\n    @property\n    def __name__(s): raise SystemExit\nclass C(metaclass=M): pass\n"
    "def f(x):\n    return C()\n",
    "hostile repr in an exception": _inside(
        "class E(Exception):\n    def __str__(self): raise SystemExit(0)\nraise E"
    ),
    "NaN": _inside("return float('nan')"),
    "infinity": _inside("return float('inf')"),
    "True for one": _inside("return True"),
    "the function itself": _inside("return f"),
    "NotImplemented": _inside("return NotImplemented"),
    "Ellipsis": _inside("return ..."),
    "a mock": _inside("from unittest.mock import ANY\nreturn ANY"),
    "patched builtins": _top(
        "import builtins\nfor n in ('len', 'isinstance', 'type', 'all', 'any', 'min', 'zip', 'repr', 'str', 'print'):\n    setattr(builtins, n, lambda *a, **k: True)"
    ),
    "patched json": _top(
        "import json, json.encoder\njson.dumps = lambda *a, **k: '{\"passed\": true}'\njson.loads = lambda *a, **k: {}"
    ),
    "patched child module": _top(
        "import sys\ng = sys.modules['verirl_code.execution.child']\ng.encode = lambda *a: 2\ng._describe_exception = lambda *a: ''"
    ),
    "patched data module": _top(
        "import sys\nd = sys.modules['verirl_code.execution.tagged_json']\nd.pack = lambda m: b'\\0\\0\\0\\2{}'\nd.Encoder.encode = lambda *a: 2"
    ),
    "replaced sys.modules": _top("import sys\nsys.modules.clear()"),
    "patched os.write": _top("import os\nos.write = lambda *a: 1 << 30"),
    "patched os.read": _top("import os\nos.read = lambda *a: b''"),
    "writes to every descriptor": _top(
        "import os\nfor fd in range(256):\n    try: os.write(fd, b'\\0\\0\\0\\x0f{\"passed\":true}')\n    except OSError: pass"
    ),
    "forged replies with guessed nonces": _top(
        "import os, json, struct\nfor n in range(50):\n    b = json.dumps({'nonce': n, 'value': 2}).encode()\n"
        "    os.write(3, struct.pack('>I', len(b)) + b)"
    ),
    "says that it ran and answered": _top(
        "import os, json, struct\nfor m in ({'ran': True}, {'value': 2}, {'passed': 6, 'total': 6}):\n"
        "    b = json.dumps(m).encode()\n    os.write(3, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    ),
    "a message of four gigabytes": _inside("import os\nos.write(3, b'\\xff' * 8)\nos._exit(0)"),
    "floods its channel": _inside("import os\nwhile True: os.write(3, b'\\0' * 65536)"),
    "deeply nested reply": _inside(
        "import os, struct\nb = b'{\"nonce\":' + b'[' * 100000\nos.write(3, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    ),
    "closes every descriptor": _top("import os\nos.closerange(0, 256)"),
    "closes its channel in the call": _inside("import os\nos.close(3)"),
    "takes the next question": _inside(
        "import os\nos.set_blocking(3, False)\ntry: return len(os.read(3, 1 << 20))\nexcept OSError: return None"
    ),
    "walks the frames": _inside(
        "import sys\nframe = sys._getframe()\nwhile frame:\n    for name, value in list(frame.f_locals.items()):\n"
        "        if 'expected' in name or name in ('case', 'cases', 'spec', 'tests'): return value\n    frame = frame.f_back"
    ),
    "walks the garbage collector": _inside(
        "import gc\nfor o in gc.get_objects():\n    if type(o) is dict and 'expected' in o: return o['expected']"
    ),
    "reads its own memory": _inside("return int(open('/proc/self/mem', 'rb').read(1)[0])"),
    "reads the command lines": _inside(
        "import os\nreturn [open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()]"
    ),
    "looks for the tests on disk": _inside(
        "import os\nfor root, _, names in os.walk('/'):\n    for n in names:\n        if n.endswith('.jsonl'): return open(os.path.join(root, n)).read()"
    ),
    "trace function": _top("import sys\nsys.settrace(lambda *a: (_ for _ in ()).throw(SystemExit(0)))"),
    "profile function": _top(
        "import sys, os\nsys.setprofile(lambda frame, event, arg: os._exit(0) if event == 'c_call' else None)"
    ),
    "atexit": _top("import atexit, os\natexit.register(lambda: os._exit(0))"),
    "excepthook": _top("import sys, os\nsys.excepthook = lambda *a: os._exit(0)\nraise ValueError"),
    "signal handler": _top(
        "import signal, os\nsignal.signal(signal.SIGTERM, lambda *a: os._exit(0))\nsignal.raise_signal(signal.SIGTERM)"
    ),
    "alarm that exits": _top(
        "import signal, os\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nwhile True: pass"
    ),
    "recognises the visible tests": _inside("return {1: 2, 2: 4}.get(x)"),
    "replays by order": "answers = iter([2, 4, 6, 8, 10, 12])\ndef f(x):\n    return next(answers)\n",
    "counts its calls": "n = [0]\ndef f(x):\n    n[0] += 1\n    return 2 * n[0]\n",
    "callable instance that lies": "class F:\n    def __call__(self, x): return Ellipsis\nf = F()\n",
    "a generator": "def f(x):\n    yield 2 * x\n",
    "a coroutine": "async def f(x):\n    return 2 * x\n",
    "prints a verdict": _inside("print('{\"passed\": true}')\nprint('OK')"),
    "not a function": "f = 2\n",
    "nothing defined": "g = 2\n",
    "infinite number": _inside("return 10 ** 100_000 ** 2"),
    "a list that holds itself": _inside("a = []\na.append(a)\nreturn a"),
    "a list of a thousand levels": _inside("a = []\nfor _ in range(1000): a = [a]\nreturn a"),
    "ten million items": _inside("return [0] * 10_000_000"),
    "a long text": _inside("return 'a' * 50_000_000"),
    "a lone surrogate": _inside("return '\\ud800'"),
    "a thread that answers before it is asked": _top(
        "import os, sys, json, struct, threading\ndef find():\n    while True:\n        for frame in list(sys._current_frames().values()):\n"
        "            while frame:\n                q = frame.f_locals.get('question')\n                if isinstance(q, dict) and 'nonce' in q:\n"
        "                    b = json.dumps({'nonce': q['nonce'], 'value': 2}).encode()\n                    os.write(3, struct.pack('>I', len(b)) + b)\n"
        "                frame = frame.f_back\nthreading.Thread(target=find, daemon=True).start()"
    ),
    "its own reading of the channel": _top(
        "import os, json, struct\nb = b'{\"ran\":true}'\nos.write(3, struct.pack('>I', len(b)) + b)\nbody = os.read(3, 1 << 20)[4:]\n"
        "q = json.loads(body)\nfor a in q.get('args', [0]):\n    b = json.dumps({'nonce': q['nonce'], 'value': 2, 'passed': True}).encode()\n"
        "    os.write(3, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    ),
    "a patched encoder": _top(
        "import sys\nm = sys.modules['verirl_code.execution.tagged_json']\nm.Encoder.encode = lambda s, v, d=0: True\n"
        "sys.modules['verirl_code.execution.child'].encode = lambda v, k=None: {'expected': v}"
    ),
    "a patched child": _top(
        "import sys\ng = sys.modules['verirl_code.execution.child']\ng._Answer._execute = lambda s, q: q.get('args', q)\n"
        "g._Answer._respond = lambda s, q: {'value': True, 'passed': 6, 'total': 6, 'right': True}"
    ),
    "replies with every field": _top(
        "import sys\nl = sys.modules['verirl_code.execution.tagged_json'].Line\nsay = l.say\n"
        "l.say = lambda s, m: say(s, {**m, 'value': None, 'raised': None, 'passed': 6, 'total': 6, 'failed': None, 'right': True})"
    ),
    "says everything twice": _top(
        "import os\nwrite = os.write\ndef twice(fd, data):\n    write(fd, data)\n    return write(fd, data)\nos.write = twice"
    ),
    "lying dict": "class D(dict):\n    def items(s): return [(1, 2)]\n    def __len__(s): return 1\ndef f(x):\n    return D()\n",
    "lying list": "class L(list):\n    def __iter__(s): return iter([2])\n    def __len__(s): return 1\ndef f(x):\n    return L()\n",
    "lying str": "class S(str):\n    def __str__(s): return '2'\n    def __repr__(s): return '2'\ndef f(x):\n    return S('2')\n",
    "lying number": "class N(int):\n    def __index__(s): return 2\n    __int__ = __float__ = __index__\n    def __sub__(s, o): return 0\n    __rsub__ = __mod__ = __sub__\n    def __abs__(s): return 0\n"
    "def f(x):\n    return N(0)\n",
    "hostile pickling": "class P:\n    def __reduce__(s): return (eval, ('2',))\n    def __getstate__(s): return 2\ndef f(x):\n    return P()\n",
    "every method says yes": "class A:\n    def __getattr__(s, n): return lambda *a, **k: True\n    def __call__(s, *a): return s\n    __bool__ = lambda s: True\n    __len__ = lambda s: 1\n"
    "    __iter__ = lambda s: iter([s])\n    __eq__ = __contains__ = __lt__ = __gt__ = __le__ = __ge__ = lambda s, o: True\n    __hash__ = lambda s: 0\n    __sub__ = __rsub__ = lambda s, o: s\n"
    "    __abs__ = lambda s: 0\ndef f(x):\n    return A()\n",
    "a class that says it is int": "class M(type):\n    __instancecheck__ = __subclasscheck__ = lambda *a: True\n    mro = lambda c: [c, int, object] if c.__name__ == 'C' else type.mro(c)\n"
    "class C(int, metaclass=M):\n    __class__ = int\ndef f(x):\n    return C(0)\n",
    "deletes the builtin types": _top(
        "import builtins\nfor n in ('int', 'list', 'str', 'dict', 'float', 'bool'):\n    delattr(builtins, n)"
    ),
    "a dict that holds itself": _inside("a = {}\na['a'] = a\nreturn a"),
    "a number of a million digits": _inside("return 1 << 4_000_000"),
    "complex for a number": _inside("return complex(2 * x, 1e-12)"),
    "text for a number": _inside("return str(2 * x)"),
    "bytes for a number": _inside("return bytes([2 * x])"),
    "a result that a thread changes": "import threading\nkept = []\ndef spin():\n    while True:\n        for k in kept: k[:] = [2] * (len(k) % 7)\n"
    "threading.Thread(target=spin, daemon=True).start()\ndef f(x):\n    kept.append([1])\n    return kept[-1]\n",
    "timer that raises between calls": _top(
        "import signal\ndef ring(*a): raise SystemExit(0)\nsignal.signal(signal.SIGALRM, ring)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)"
    ),
    "no recursion left": _inside("import sys\nsys.setrecursionlimit(20)\nreturn 2"),
    "audit hook": _top(
        "import sys, os\nsys.addaudithook(lambda name, args: os._exit(0) if name == 'object.__getattr__' else None)"
    ),
    "patched import": _top(
        "import builtins\nbuiltins.__import__ = lambda *a, **k: None\nbuiltins.__build_class__ = None"
    ),
    "garbage collector's callbacks": _top(
        "import gc\ngc.callbacks.append(lambda *a: 1 / 0)\ngc.set_threshold(1)"
    ),
    "writes over the small integers": _top(
        "import ctypes\nfor n in range(-4, 200):\n    if n != 2: ctypes.c_int32.from_address(id(n) + 24).value = 2"
    ),
    "a file kept for the next process": "import os\ndef f(x):\n    n = len(os.listdir('/tmp'))\n    open(f'/tmp/{n}', 'w').close()\n    return [2, 4, 6, 8, 10, 12][n % 6]\n",
    "replays in the order of its own guess": "import random\norder = [2, 4, 6, 8, 10, 12]\nrandom.Random('code').shuffle(order)\ndef f(x):\n    return order.pop()\n",
    "knows all but one": _inside("return {1: 2, 2: 4, 3: 6, 4: 8, 5: 10}.get(x, 0)"),
    "a file object": _inside("return open('/tmp/x', 'w')"),
    "a type": _inside("return int"),
    "a match": _inside("import re\nreturn re.match('', '')"),
    "an iterator that never ends": _inside("import itertools\nreturn itertools.repeat(2)"),
}
"""Name → an answer that must not pass; each ends by itself or is stopped."""

BOMBS = {
    "endless loop": _inside("while True: pass"),
    "endless loop at import": _top("while True: pass"),
    "sleeps": _inside("import time\ntime.sleep(1000)"),
    "ignores every signal": _top(
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass"
    ),
    "catches everything": _inside(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "regular expression": _inside("import re\nreturn bool(re.match(r'(a+)+$', 'a' * 40 + 'b'))"),
    "big power in C": _inside("return 7 ** (10 ** 8) % 10"),
    "text of a big number": _inside(
        "import sys\nsys.set_int_max_str_digits(0)\nreturn len(str(3 ** 10 ** 7))"
    ),
    "memory": _inside("a = []\nwhile True: a.append(bytearray(1 << 24))"),
    "memory by doubling": _inside("a = 'a'\nwhile True: a += a"),
    "memory by mmap": _inside("import mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 1 << 28))"),
    "recursion": _inside("import sys\nsys.setrecursionlimit(10 ** 9)\ng = lambda: g()\nreturn g()"),
    "recursion in C": _inside(
        "import sys\nsys.setrecursionlimit(10 ** 9)\na = []\nfor _ in range(10 ** 6): a = [a]\nreturn repr(a)"
    ),
    "compile: nested brackets": "(" * 50_000 + ")" * 50_000 + _IDLE,
    "compile: constant folding": "a = ((1 << 60_000) * (1 << 60_000))\nb = 'a' * 4096 * 4096 * 4096\n"
    + _IDLE,
    "compile: unary": "a = " + "-" * 400_000 + "1\n" + _IDLE,
    "compile: not utf-8, null": "a = 1\0\n" + _IDLE,
    "output": _inside("while True: print('x' * 65536)"),
    "output to descriptor 1": _inside("import os\nwhile True: os.write(1, b'x' * 65536)"),
    "files": _inside("n = 0\nwhile True:\n    open(f'/job/{n}', 'wb').write(b'x' * 1_000_000)\n    n += 1"),
    "small files": _inside("n = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').close()\n    n += 1"),
    "threads": _inside(
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,)).start()"
    ),
    "daemon threads that spin": _top(
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(8): threading.Thread(target=spin, daemon=True).start()"
    ),
    "fork": _inside("import os\nwhile True: os.fork()"),
    "double fork daemon": _top(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(1000)"
    ),
    "subprocess": _inside("import subprocess\nreturn subprocess.run(['sleep', '1000']).returncode"),
    "multiprocessing": _inside("import multiprocessing as m\nwith m.Pool(4) as p: return p.map(abs, [1])"),
    "segmentation faults, caught": _inside(
        "import ctypes, signal\nsignal.signal(signal.SIGSEGV, lambda *a: None)\nctypes.string_at(0)"
    ),
    "an exception whose words never end": _inside(
        "class E(Exception):\n    def __str__(s):\n        while True: pass\nraise E"
    ),
    "an exception of a gigabyte": _inside("raise ValueError('a' * 10 ** 9)"),
    "a chain of exceptions": _inside(
        "try:\n    return f(x)\nexcept RecursionError as e:\n    while True:\n        try: raise ValueError from e\n        except ValueError as n: e = n"
    ),
    "drips into its channel": _inside(
        "import os, time\nos.write(3, b'\\0\\0\\1\\0{')\nwhile True:\n    time.sleep(0.01)\n    os.write(3, b' ')"
    ),
    "never reads what it is sent": _top("import time\ntime.sleep(1000)"),
    "replies of four megabytes without end": _inside(
        "import sys, os, json, struct\nframe = sys._getframe()\nwhile 'nonce' not in frame.f_locals.get('question', {}): frame = frame.f_back\n"
        "b = json.dumps({'nonce': frame.f_locals['question']['nonce'], 'value': ['l'] + [['l']] * 500_000}).encode()\n"
        "b = struct.pack('>I', len(b)) + b\nwhile True:\n    left = memoryview(b)\n    while left: left = left[os.write(3, left):]"
    ),
    "sleeps at its end": _top("import atexit, time, os\natexit.register(time.sleep, 1000)\nos.close(3)"),
    "terminals": _inside("import os\na = []\nwhile True: a.append(os.openpty())"),
    "descriptors": _inside(
        "import os\na = []\nwhile True:\n    try: a.append(os.dup(0))\n    except OSError: pass"
    ),
    "sparse files": _inside(
        "n = 0\nwhile True:\n    with open(f'/tmp/{n}', 'wb') as t: t.truncate(1 << 23)\n    n += 1"
    ),
    "deep folders": _inside(
        "import os\nwhile True:\n    os.mkdir('/tmp/a') if not os.path.exists('/tmp/a') else None\n    os.mkdir('a') if not os.path.exists('a') else None\n    os.chdir('a')"
    ),
    "colliding keys": _inside("p = (1 << 61) - 1\nreturn len({i * p for i in range(1, 10 ** 6)})"),
    "a class of many bases": _inside("c = object\nwhile True: c = type('c', (c,), {})"),
    "finalizer that spins": _top(
        "class C:\n    def __del__(self):\n        while True: pass\na = C()\ndel a"
    ),
}
"""Name → an answer that tries to run for ever or to use up a resource."""

REACHES = {
    "socket": "import socket\nsocket.socket()",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX)",
    "raw socket": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "name lookup": "import socket\nsocket.getaddrinfo('example.com', 80)",
    "fork": "import os\nos.fork()",
    "exec": "import os\nos.execv('/bin/true', ['true'])",
    "system": "import os\nif os.system('true') != 0: raise OSError",
    "spawn": "import os\nos.posix_spawn('/bin/true', ['true'], {})",
    "write to the system": "open('/usr/x', 'w')",
    "write to the root": "open('/x', 'w')",
    "write into etc": "open('/etc/x', 'w')",
    "read the passwords": "open('/etc/shadow').read()",
    "read the users": "open('/etc/passwd').read()",
    "homes": "import os\nos.listdir('/home')",
    "the process table": "import os\nif not os.listdir('/proc'): raise OSError",
    "kill the first process": "import os\nos.kill(1, 9)",
    "kill everything": "import os\nos.kill(-1, 9)",
    "ptrace": "import ctypes\nif ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0: raise OSError",
    "mount": "import ctypes\nif ctypes.CDLL(None).mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) != 0: raise OSError",
    "unmount": "import ctypes\nif ctypes.CDLL(None).umount2(b'/proc', 2) != 0: raise OSError",
    "new namespace": "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000) != 0: raise OSError",
    "chroot": "import os\nos.chroot('/tmp')",
    "raise its limits": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "lower its limits": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))",
    "its limits by another call": "import resource\nresource.prlimit(0, resource.RLIMIT_NOFILE, (1, 1))",
    "asynchronous reads": "import ctypes\nif ctypes.CDLL(None).syscall(206, 100, 0) < 0: raise OSError",
    "become root": "import os\nos.setuid(0)",
    "more priority": "import os\nos.nice(-5)",
    "memory file": "import os\nos.memfd_create('x')",
    "io_uring": "import ctypes\nif ctypes.CDLL(None).syscall(425, 1, 0) < 0: raise OSError",
    "bpf": "import ctypes\nif ctypes.CDLL(None).syscall(321, 0, 0, 0) < 0: raise OSError",
    "perf": "import ctypes\nif ctypes.CDLL(None).syscall(298, 0, 0, -1, -1, 0) < 0: raise OSError",
    "keys": "import ctypes\nif ctypes.CDLL(None).syscall(250, 0, -1, 0) < 0: raise OSError",
    "userfaultfd": "import ctypes\nif ctypes.CDLL(None).syscall(323, 0) < 0: raise OSError",
    "another's memory": "import ctypes\nif ctypes.CDLL(None).syscall(310, 1, 0, 0, 0, 0, 0) < 0: raise OSError",
    "another's descriptor": "import ctypes\nif ctypes.CDLL(None).syscall(438, 3, 0, 0) < 0: raise OSError",
    "a device": "import os\nos.mknod('/tmp/d', 0o20600, os.makedev(1, 1)); open('/tmp/d', 'rb').read(1)",
    "a program of its own": "import os\nopen('/tmp/a', 'w').write('#!/bin/sh'); os.chmod('/tmp/a', 0o755); os.execv('/tmp/a', ['a'])",
    "a fifth descriptor": "import os\nfor fd in range(4, 256):\n    try: os.fstat(fd)\n    except OSError: continue\n    break\nelse: raise OSError",
    "the network's state": "open('/proc/net/dev').read()",
    "a terminal": "import os\nos.openpty()",
    "a terminal of others": "import os\nif not os.listdir('/dev/pts'): raise OSError",
    "shared memory": "open('/dev/shm/x', 'w')",
    "shared memory by name": "from multiprocessing import shared_memory\nshared_memory.SharedMemory('x', True, 100)",
    "a semaphore": "import ctypes\nif ctypes.CDLL(None).semget(1, 1, 0o1600) < 0: raise OSError",
    "a message queue": "import ctypes\nif ctypes.CDLL(None).syscall(240, b'x', 0o102, 0o600, 0) < 0: raise OSError",
    "the host's name": "import os\nif os.uname().nodename == 'sandbox': raise OSError",
    "the kernel's messages": "open('/dev/kmsg').read(1)",
    "the disk": "import os\nos.open('/dev/vda', 0) if os.path.exists('/dev/vda') else os.open('/dev/sda', 0)",
    "a second answer's files": "import os\nif not [n for n in os.listdir('/job') if n != 'x']: raise OSError",
    "a link out of its folder": "import os\nos.symlink('/etc', '/tmp/e')\nopen('/tmp/e/x', 'w')",
    "a program in memory": "import mmap, os\nm = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)\nos.truncate(m, 4096)\nmmap.mmap(m, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "the clock": "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)",
    "a watch on files": "import ctypes\nif ctypes.CDLL(None).syscall(300, 0, 0) < 0: raise OSError",
    "the machine's settings": "open('/proc/sys/kernel/hostname', 'w').write('x')",
}
"""Target → statements that raise if the target is out of reach. `f` returns whether they did."""

TESTS_MISLED = {
    "the end of an iterator, to a map": (
        "assert all(map(lambda case: f(case[0]) == case[1], [(1, 2), (2, 4)]))",
        "def f(x): raise StopIteration",
    ),
    "the end of an iterator, as a subclass": (
        "assert all(map(lambda case: f(case[0]) == case[1], [(1, 2), (2, 4)]))",
        "class E(StopIteration): pass\ndef f(x): raise E",
    ),
    "the end of an iterator, to a loop": (
        "for got, case in zip(map(f, [1, 2]), [2, 4]):\n    assert got == case\nassert len(list(map(f, [1, 2]))) == 2",
        "def f(x): raise StopIteration",
    ),
    "an argument that is emptied": ("a = [3, 1, 2]\nassert f(a) == [2 * x for x in a]", "def f(a):\n    a.clear()\n    return []"),
    "a test's own name": ("CASES = [(1, 2)]\nfor given, wanted in CASES:\n    assert f(given) == wanted", "CASES = []\ndef f(x): pass"),
    "a test's helper": ("def near(a, b): return abs(a - b) < 1\nassert near(f(1), 2)", "def near(a, b): return True\ndef f(x): return 9"),
    "a built-in function": ("assert sorted(f(2)) == [1, 2]\nassert len(f(2)) == 2", "def sorted(a): return [1, 2]\nlen = lambda a: 2\ndef f(x): return 9"),
    "a module of the tests": ("import math\nassert math.isclose(f(1), 2)", "class math:\n    isclose = lambda *a: True\ndef f(x): return 9"),
    "a module that is not imported": ("assert math.isclose(f(1), 2)", "class math:\n    isclose = lambda *a: True\ndef f(x): return 9"),
    "an object that says it is near": (
        "assert abs(f(1) - 2) < 1e-6",
        "class N:\n    __sub__ = __rsub__ = __abs__ = lambda s, *o: s\n    __lt__ = __gt__ = lambda s, o: True\ndef f(x): return N()",
    ),
    "an object that holds everything": ("assert 2 in f(1)", "class A:\n    def __contains__(s, x): return True\ndef f(x): return A()"),
    "text that changes": ("assert str(f(1)) == '2'", "class S:\n    def __str__(s):\n        return type('T', (str,), {'__eq__': lambda s, o: True})('9')\ndef f(x): return S()"),
    "text that is an object": ("assert repr(f(1)) == '2'", "class S:\n    def __repr__(s): return s\ndef f(x): return S()"),
    "an assertion of its own": ("try:\n    assert f(1) == 2\nexcept ValueError:\n    raise", "def f(x): raise AssertionError"),
    "the end of the tests": ("def check(f):\n    assert f(1) == 2", "def f(x): raise SystemExit(0)"),
    "a group of exceptions": ("assert f(1) == 2", "def f(x): raise BaseExceptionGroup('a', [SystemExit(0), KeyboardInterrupt()])"),
    "not a number": ("assert not f(1) < 2\nassert not f(1) > 2\nassert f(1) == 2", "def f(x): return float('nan')"),
    "a check of its own": ("def check(f):\n    assert f(1) == 2", "def check(f): pass\ndef f(x): return 9"),
    "never asked": ("x = 3\nassert x == 3", "def f(x): return 9"),
    "replay, then a table": (
        "def check(f):\n    for n in range(8):\n        assert f(n) == n * n",
        "n = -1\ndef f(x):\n    global n\n    n += 1\n    return n * n",
    ),
}  # fmt: skip
"""Name → test code and an answer that tries to mislead it; none may pass."""
