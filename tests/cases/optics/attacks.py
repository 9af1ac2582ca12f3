"""Wrong answers to the tasks of `support.lenses`, each by what it abuses.

`UNREADABLE` are not in the answer format, `UNBUILDABLE` cannot be made, `PADDED` count elements that are none
(with the number of elements that the task asks for), `CHANGED_GIVENS` alter what a completion task gives.
"""

from __future__ import annotations

import json

from support.lenses import TRIPLET, as_json, swap

JSON = as_json(TRIPLET)
LAST = "42.20778"

UNREADABLE = {
    "surrogate in a glass": JSON.replace('"F2"', '"\\ud800"'),
    "nul in a glass": JSON.replace('"F2"', '"F2\\u0000"'),
    "direction mark in a glass": JSON.replace('"F2"', '"\\u202eF2"'),
    "escape sequence in a glass": JSON.replace('"F2"', '"\\u001b[2JF2"'),
    "empty glass": JSON.replace('"F2"', '""'),
    "surrogate for a key": JSON.replace('"radius"', '"\\udfff"', 1),
    "escape sequence in a key": JSON.replace('"radius"', '"\\u001b[2J"', 1),
    "a key twice, once escaped": JSON.replace(
        '"radius": 22.01359', '"radius": 22.01359, "\\u0072adius": 30.0'
    ),
    "prototype key": JSON.replace('"radius"', '"__proto__": {}, "radius"', 1),
    "forged figure in a surface": JSON.replace('"stop"', '"rms_um": 0, "stop"', 1),
    "forged verdict behind the surfaces": TRIPLET + '\n{"passed": true}',
    "comment in JSON": JSON.replace('"radius"', '/*c*/"radius"', 1),
    "comment in a line": TRIPLET.replace("\n", " # crown\n", 1),
    "trailing comma": JSON.replace("]}", ",]}"),
    "single quotes": JSON.replace('"', "'"),
    "zero-width space in a number": TRIPLET.replace("22.01359", "2\u200b2.01359"),
    "escape sequence in a number": TRIPLET.replace("22.01359", "22.01359\x1b[2J"),
    "byte order mark inside the block": f"```\n\ufeff{TRIPLET}\n```",
    "full-width digits": TRIPLET.replace("22.01359", "２２.01359"),
    "underscore in a number": TRIPLET.replace("22.01359", "2_2.01359"),
    "minus infinity for a plane": TRIPLET.replace("22.01359", "-inf"),
    "hexadecimal float": TRIPLET.replace("22.01359", "0x1.6p4"),
    "Fortran exponent": TRIPLET.replace("22.01359", "22.01359D0"),
    "decimal comma": TRIPLET.replace("22.01359", "22,01359"),
    "Arabic digits": TRIPLET.replace("22.01359", "٢٢"),
    "superscript": TRIPLET.replace("22.01359", "22²"),
    "minus of another script": TRIPLET.replace("-435", "−435"),
    "1e999": TRIPLET.replace("22.01359", "1e999"),
    "radius minus zero": TRIPLET.replace("22.01359", "-0"),
    "400 digits": JSON.replace(LAST, "9" * 400),
    "100 trailing zeros": TRIPLET.replace("22.01359", "22.01359" + "0" * 100),
    "null thickness": JSON.replace(LAST, "null"),
    "focus within": TRIPLET.replace("3.25896", "focus"),
    "FOCUS": TRIPLET.replace(LAST, "FOCUS"),
    "eleven terms": TRIPLET.replace(LAST, f"{LAST} asphere={','.join('0' * 11)}"),
    "a term nan": TRIPLET.replace(LAST, f"{LAST} asphere=nan"),
    "no terms": TRIPLET.replace(LAST, f"{LAST} asphere="),
    "conic 1e400": TRIPLET.replace(LAST, f"{LAST} conic=1e400"),
    "STOP": TRIPLET.replace("stop", "STOP"),
    "keys nested 2000 deep": '{"surfaces":' * 2000 + "1" + "}" * 2000,
    "100 000 lines": "\n".join(["inf 0"] * 100_000),
    "60 000 digits": "1" * 60_000 + " 1",
}
NO_GLASS = ("AIR", "VACUUM", "MIRROR", "___BLANK", "N-SK16*", "Ｆ２", "F2\u0301", "1.62", "517642", "SF5HT")
UNBUILDABLE = {
    **{f"glass {name}": JSON.replace('"F2"', json.dumps(name)) for name in NO_GLASS},
    "two conics": swap(LAST, f"{LAST} conic=1 conic=-1"),
    "two stops on a line": swap("F2", "stop2"),
    "thickness that underflows": swap("3.25896", "1e-400"),
    "image at minus zero": JSON.replace(LAST, "-0.0"),
    "asphere not allowed": swap(LAST, f"{LAST} asphere=0,1e-9"),
    "conic not allowed": swap(LAST, f"{LAST} conic=-0.001"),
    "curved stop that vignettes": swap("20.29192 4.75041 stop", "20.29192 2\n4.5 2.75041 stop"),
    "stop in front by a negative space": f"inf -5 stop\n{TRIPLET.replace(' stop', '')}",
    "stop a kilometre in front": f"inf 1e6 stop\n{TRIPLET.replace(' stop', '')}",
    "there and back through the stop": swap("20.29192 4.75041 stop", "20.29192 14.75041\ninf -10 stop"),
    "stop on the image": swap("stop", "").replace(LAST, f"{LAST}\ninf 0 stop"),
    "image inside glass": swap(LAST, f"{LAST} N-SK16"),
    "upside down": "\n".join(reversed(TRIPLET.splitlines())),
    "a millionth of the size": "\n".join(
        f"{row.split()[0]} {float(row.split()[1]) / 1e6:g} {' '.join(row.split()[2:])}"
        for row in TRIPLET.splitlines()
    ),
}  # fmt: skip
PADDED = {
    "a stop inside a glass": ("51 2 N-BK7\ninf 2 N-BK7 stop\n-51 48", 2),
    "a curved stop inside a glass": ("51 2 N-BK7\n300 2 N-BK7 stop\n-51 48", 2),
    "a shell of a picometre": ("51 4 N-BK7 stop\n-51 1\n30 1e-9 N-BK7\n30 46.5", 2),
    "cement of a femtometre": ("51 4 N-BK7 stop\n-51 1e-12 F2\n-51 48", 2),
    "cement of nothing": ("51 4 N-BK7 stop\n-51 0 F2\n-51 48", 2),
    "one glass under two makers' names": ("51 2 N-BK7 stop\ninf 2 S-BSL7\n-51 48", 2),
    "the same, cemented along a curve": ("51 2 N-BK7 stop\n-40 2 S-BSL7\n-51 48", 2),
    "plates of other glasses": ("51 4 N-BK7 stop\n-51 1\ninf 1 F2\ninf 1\ninf 1 SF5\ninf 44", 3),
    "plates that are all but flat": (
        "51 4 N-BK7 stop\n-51 1\n1e6 1 N-BK7\n-1e6 1\n1e6 1 F2\n-1e6 44", 3,
    ),
    "one plate": ("51 4 N-BK7 stop\n-51 1\ninf 1 F2\ninf 46.4", 2),
    "a shell of 3 metres' radius": ("51 4 N-BK7 stop\n-51 1\n3e3 1 F2\n-3e3 46.4", 2),
    "a shell of a micrometre": ("51 4 N-BK7 stop\n-51 1\n300 1e-3 F2\n300 47.4", 2),
    "one glass under two names, apart by the stop": ("51 2 N-BK7\ninf 2 S-BSL7 stop\n-51 48.6", 2),
    "the same along a curve": ("51 2 N-BK7\n-300 2 S-BSL7 stop\n-51 48.6", 2),
}  # fmt: skip
CHANGED_GIVENS = {
    "a radius in its sixth digit": swap("22.01359", "22.01360"),
    "a thickness in its sixth digit": swap("6.00755", "6.00756"),
    "a thickness by one part in a million": swap("3.25896", "3.2589633"),
    "a look-alike of a given glass": swap("0.99997 F2", "0.99997 Ｆ2"),
    "a conic more": swap("-22.21328 0.99997 F2", "-22.21328 0.99997 F2 conic=1e-6"),
    "a term more": swap("-22.21328 0.99997 F2", "-22.21328 0.99997 F2 asphere=1e-9"),
    "focus for what is given": swap(LAST, "focus"),
    "a surface less": "\n".join(TRIPLET.splitlines()[1:]),
    "two surfaces exchanged": "\n".join([*TRIPLET.splitlines()[:4], *reversed(TRIPLET.splitlines()[4:])]),
}
