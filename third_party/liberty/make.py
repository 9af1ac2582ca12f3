"""Write `verirl.lib`: a small standard-cell library in Liberty, from the method of logical effort.

    python third_party/liberty/make.py > third_party/liberty/verirl.lib

No figure is taken from a foundry's library. The process is imaginary, of about the 130 nm generation, and has
six numbers, below. Every cell follows from its transistors:

- Delay of a stage: `τ·(p + C_load / (x·C_in))` for a drive of `x`, with the logical efforts `g` and parasitic
  delays `p` of Sutherland, Sproull and Harris, *Logical Effort* (1999), table 1.1 and 1.2, for a pMOS twice
  as wide as the nMOS. A slow input adds its ramp time times `(1 + 2·V_t/V_dd)/6` (Hedenstierna and Jeppson,
  IEEE Trans. CAD 6, 1987). The output's ramp is 2.2 times its RC constant.
- Area: columns of transistor pairs, each of which holds up to two units of width, and one site of spacing.
- Energy: `½·C·V²` of what a cell charges inside itself; leakage in proportion to transistor width.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

VDD = 1.2
VT_SHARE = 0.25
TAU_PS = 10.0
C_IN_FF = 1.8
SITE_UM2 = 0.46 * 3.68
LEAKAGE_NW = 0.045

SLOPE = (1 + 2 * VT_SHARE) / 6
RISE, FALL = 1.06, 0.94
SLEWS_PS = (10.0, 120.0, 900.0)
EFFORTS = (0.5, 6.0, 40.0)


@dataclass(frozen=True)
class Gate:
    """A combinational cell: pin → logical effort, parasitic delay, and whether an inverter follows.

    `twice`: pins that also drive an inverter of their own, as in an exclusive or.
    """

    name: str
    function: str
    efforts: dict[str, float]
    parasitic: float
    drives: tuple[int, ...] = (1, 2)
    buffered: bool = False
    twice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Storage:
    """A flip-flop or latch: next state, its clock or enable as an expression, asynchronous inputs."""

    name: str
    kind: str
    gate: str
    columns: int
    clear: str = ""
    preset: str = ""


def _nand(n: int) -> dict[str, float]:
    return dict.fromkeys("ABCD"[:n], (n + 2) / 3)


def _nor(n: int) -> dict[str, float]:
    return dict.fromkeys("ABCD"[:n], (2 * n + 1) / 3)


def _join(n: int, sign: str) -> str:
    return f" {sign} ".join("ABCD"[:n])


GATES = (
    Gate("INV", "!A", {"A": 1}, 1, (1, 2, 4, 8)),
    Gate("BUF", "A", {"A": 1}, 1, (1, 2, 4, 8), buffered=True),
    *(
        Gate(f"NAND{n}", f"!({_join(n, '&')})", _nand(n), n, (1, 2, 4) if n == 2 else (1, 2))
        for n in (2, 3, 4)
    ),
    *(Gate(f"NOR{n}", f"!({_join(n, '|')})", _nor(n), n, (1, 2, 4) if n == 2 else (1, 2)) for n in (2, 3, 4)),
    *(Gate(f"AND{n}", _join(n, "&"), _nand(n), n, buffered=True) for n in (2, 3)),
    *(Gate(f"OR{n}", _join(n, "|"), _nor(n), n, buffered=True) for n in (2, 3)),
    Gate("XOR2", "A ^ B", {"A": 4, "B": 4}, 4, twice=("A", "B")),
    Gate("XNOR2", "!(A ^ B)", {"A": 4, "B": 4}, 4, twice=("A", "B")),
    Gate("MUX2", "(A & !S) | (B & S)", {"A": 2, "B": 2, "S": 2}, 4, buffered=True, twice=("S",)),
    Gate("MUXI2", "!((A & !S) | (B & S))", {"A": 2, "B": 2, "S": 2}, 4, twice=("S",)),
    Gate("AOI21", "!((A & B) | C)", {"A": 2, "B": 2, "C": 5 / 3}, 7 / 3),
    Gate("OAI21", "!((A | B) & C)", {"A": 2, "B": 2, "C": 4 / 3}, 7 / 3),
    Gate("AOI22", "!((A & B) | (C & D))", {"A": 2, "B": 2, "C": 2, "D": 2}, 4),
    Gate("OAI22", "!((A | B) & (C | D))", {"A": 2, "B": 2, "C": 2, "D": 2}, 4),
    Gate("AOI211", "!((A & B) | C | D)", {"A": 8 / 3, "B": 8 / 3, "C": 7 / 3, "D": 7 / 3}, 5, (1,)),
    Gate("OAI211", "!((A | B) & C & D)", {"A": 7 / 3, "B": 7 / 3, "C": 5 / 3, "D": 5 / 3}, 5, (1,)),
    Gate("MAJI3", "!((A & B) | (A & C) | (B & C))", {"A": 4, "B": 4, "C": 2}, 5, (1,)),
)

STORAGE = (
    Storage("DFF", "ff", "CK", 14),
    Storage("DFFN", "ff", "!CK", 14),
    Storage("DFFR", "ff", "CK", 17, clear="!RN"),
    Storage("DFFS", "ff", "CK", 17, preset="!SN"),
    Storage("DFFRS", "ff", "CK", 20, clear="!RN", preset="!SN"),
    Storage("LAT", "latch", "G", 9),
    Storage("LATN", "latch", "!G", 9),
)


def library() -> str:
    """The whole file."""
    cells = [*_ties()]
    for gate in GATES:
        cells += [_gate(gate, drive) for drive in gate.drives]
    cells += [_storage(storage) for storage in STORAGE]
    return "\n".join([_HEAD, *cells, "}"]) + "\n"


_HEAD = f"""/* Written by third_party/liberty/make.py from the method of logical effort. Apache-2.0.
   An imaginary process of about the 130 nm generation; no foundry's figures. */
library (verirl) {{
  delay_model : table_lookup;
  time_unit : "1ps";
  voltage_unit : "1V";
  current_unit : "1uA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  capacitive_load_unit (1, ff);
  nom_process : 1;
  nom_voltage : {VDD};
  nom_temperature : 25;
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  slew_lower_threshold_pct_rise : 10; slew_lower_threshold_pct_fall : 10;
  slew_upper_threshold_pct_rise : 90; slew_upper_threshold_pct_fall : 90;
  default_max_transition : {SLEWS_PS[-1]:g};
  default_input_pin_cap : {C_IN_FF}; default_output_pin_cap : 0; default_inout_pin_cap : {C_IN_FF};
  default_fanout_load : 1; default_cell_leakage_power : {LEAKAGE_NW};
  default_leakage_power_density : 0;
  operating_conditions (typical) {{ process : 1; voltage : {VDD}; temperature : 25; }}
  default_operating_conditions : typical;
  lu_table_template (arc) {{ variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("1, 2, 3"); index_2 ("1, 2, 3"); }}
  lu_table_template (constraint) {{ variable_1 : related_pin_transition;
    variable_2 : constrained_pin_transition; index_1 ("1, 2"); index_2 ("1, 2"); }}
  power_lut_template (energy) {{ variable_1 : input_transition_time; index_1 ("1, 2"); }}"""


def _ties() -> Iterator[str]:
    for name, value in (("TIE0", "0"), ("TIE1", "1")):
        yield (
            f"  cell ({name}) {{ area : {_area(2)}; cell_leakage_power : {LEAKAGE_NW};\n"
            f'    pin (Y) {{ direction : output; function : "{value}"; max_capacitance : 100; }} }}'
        )


def _gate(gate: Gate, drive: int) -> str:
    first = max(1.0, drive / 3) if gate.buffered else float(drive)
    widths = [effort * first for effort in gate.efforts.values()]
    columns = sum(_columns(width) for width in widths) + len(gate.twice) * _columns(first)
    inner_ff = gate.parasitic * C_IN_FF * first + len(gate.twice) * 2 * C_IN_FF * first
    inner_ps = 0.0
    if gate.buffered:
        columns += _columns(drive)
        inner_ff += 2 * drive * C_IN_FF
        inner_ps = TAU_PS * (gate.parasitic + drive / first)
    width = sum(widths) + (drive if gate.buffered else 0)
    parasitic = 1.0 if gate.buffered else gate.parasitic
    lines = [
        f"  cell ({gate.name}X{drive}) {{ area : {_area(columns)};",
        f"    cell_leakage_power : {_g(LEAKAGE_NW * width)};",
        *(
            f"    pin ({pin}) {{ direction : input; capacitance : "
            f"{_g(C_IN_FF * first * (effort + (1 if pin in gate.twice else 0)))}; }}"
            for pin, effort in gate.efforts.items()
        ),
        f'    pin (Y) {{ direction : output; function : "{gate.function}"; {_limit(drive)}',
    ]
    for pin in gate.efforts:
        extra = inner_ps + (TAU_PS * 2 if pin in gate.twice else 0)
        lines.append(
            f'      timing () {{ related_pin : "{pin}"; timing_sense : {_sense(gate, pin)};\n'
            + _arcs(drive, parasitic, extra)
            + "      }"
        )
    energy = 0.5 * inner_ff * VDD**2 / len(gate.efforts) ** 0.5
    lines += [_energy(pin, energy) for pin in gate.efforts]
    return "\n".join([*lines, "    } }"])


def _storage(cell: Storage) -> str:
    gate_pin = cell.gate.strip("!")
    edge = "falling" if "!" in cell.gate else "rising"
    sequential = cell.kind == "ff"
    through_ps = TAU_PS * (7.0 if sequential else 5.0)
    width = cell.columns * 1.5
    head = "clocked_on" if sequential else "enable"
    state = "next_state" if sequential else "data_in"
    clock_energy = _energy_tables(0.5 * (4 if sequential else 2) * C_IN_FF * VDD**2)
    arc_type = f'related_pin : "{gate_pin}"; timing_type : {edge}_edge'
    lines = [
        f"  cell ({cell.name}X1) {{ area : {_area(cell.columns + 1)};",
        f"    cell_leakage_power : {_g(LEAKAGE_NW * (width + 1))};",
        f'    {cell.kind} (IQ, IQN) {{ {head} : "{cell.gate}"; {state} : "D";'
        + (f' clear : "{cell.clear}";' if cell.clear else "")
        + (f' preset : "{cell.preset}";' if cell.preset else "")
        + (" clear_preset_var1 : L; clear_preset_var2 : L;" if cell.clear and cell.preset else "")
        + " }",
        f"    pin ({gate_pin}) {{ direction : input; clock : true; capacitance : {_g(C_IN_FF)};",
        f"      internal_power () {{ {clock_energy} }} }}",
        f"    pin (D) {{ direction : input; capacitance : {_g(C_IN_FF * 1.2)};",
    ]
    # A latch is opened by one edge and closed by the other, against which its data must be stable.
    closing = edge if sequential else {"rising": "falling", "falling": "rising"}[edge]
    for kind, amount in (("setup", 5.0), ("hold", 0.5)):
        lines.append(
            f'      timing () {{ related_pin : "{gate_pin}"; timing_type : {kind}_{closing};\n'
            + _constraints(amount * TAU_PS)
            + "      }"
        )
    lines.append("    }")
    asynchronous = [pin.strip("!") for pin in (cell.clear, cell.preset) if pin]
    lines += [
        f"    pin ({pin}) {{ direction : input; capacitance : {_g(C_IN_FF * 1.4)}; }}" for pin in asynchronous
    ]
    lines += [
        f'    pin (Q) {{ direction : output; function : "IQ"; {_limit(1)}',
        f"      timing () {{ {arc_type}; timing_sense : non_unate;\n" + _arcs(1, 1.0, through_ps) + "      }",
    ]
    if not sequential:
        lines.append(
            '      timing () { related_pin : "D"; timing_sense : positive_unate;\n'
            + _arcs(1, 1.0, through_ps * 0.8)
            + "      }"
        )
    for pin, kind, sense in (
        (cell.clear.strip("!"), "clear", "positive_unate"),
        (cell.preset.strip("!"), "preset", "negative_unate"),
    ):
        if pin:
            lines.append(
                f'      timing () {{ related_pin : "{pin}"; timing_type : {kind}; timing_sense : {sense};\n'
                + _arcs(1, 1.0, through_ps, only="fall" if kind == "clear" else "rise")
                + "      }"
            )
    lines.append(_energy(gate_pin, 0.5 * (cell.columns / 2 + 2) * C_IN_FF * VDD**2))
    return "\n".join([*lines, "    } }"])


def _columns(width: float) -> int:
    return math.ceil(width / 2 - 1e-9)


def _area(columns: int) -> str:
    return _g((columns + 1) * SITE_UM2)


def _limit(drive: int) -> str:
    return f"max_capacitance : {_g(EFFORTS[-1] * drive * C_IN_FF)};"


def _arcs(drive: int, parasitic: float, extra_ps: float, only: str = "") -> str:
    loads = [effort * drive * C_IN_FF for effort in EFFORTS]
    said = []
    for direction, skew in (("rise", RISE), ("fall", FALL)):
        if only and direction != only:
            continue
        rc = [skew * TAU_PS * (parasitic + effort) for effort in EFFORTS]
        delay = [[_g(skew * extra_ps + time + SLOPE * slew) for time in rc] for slew in SLEWS_PS]
        # The output's own ramp, a little longer where a slow input holds it back.
        ramp = [[_g(2.2 * time / math.log(2) * 0.8 + 0.12 * slew) for time in rc] for slew in SLEWS_PS]
        said.append(_table(f"cell_{direction}", "arc", SLEWS_PS, loads, delay))
        said.append(_table(f"{direction}_transition", "arc", SLEWS_PS, loads, ramp))
    return "".join(said)


def _constraints(base_ps: float) -> str:
    ends = (SLEWS_PS[0], SLEWS_PS[-1])
    values = [[_g(base_ps + SLOPE * (data - clock) / 4) for data in ends] for clock in ends]
    names = ("rise_constraint", "fall_constraint")
    return "".join(_table(name, "constraint", ends, list(ends), values) for name in names)


def _table(
    name: str, template: str, first: tuple[float, ...], second: list[float], rows: list[list[str]]
) -> str:
    values = ", ".join('"' + ", ".join(row) + '"' for row in rows)
    return (
        f'        {name} ({template}) {{ index_1 ("{_list(first)}"); index_2 ("{_list(second)}");'
        f" values ({values}); }}\n"
    )


def _energy(pin: str, femtojoules: float) -> str:
    return f'      internal_power () {{ related_pin : "{pin}"; {_energy_tables(femtojoules)} }}'


def _energy_tables(femtojoules: float) -> str:
    # A slow input lets both transistors conduct for longer: a tenth more at the slowest.
    slews, values = _list([SLEWS_PS[0], SLEWS_PS[-1]]), _list([femtojoules, femtojoules * 1.1])
    table = f'(energy) {{ index_1 ("{slews}"); values ("{values}"); }}'
    return f"rise_power {table} fall_power {table}"


def _sense(gate: Gate, pin: str) -> str:
    """Whether the output follows the pin, opposes it, or does either: from the truth table."""
    others = [name for name in gate.efforts if name != pin]
    expression = re.sub(r"!", " not ", gate.function).replace("&", " and ").replace("|", " or ")
    expression = expression.replace("^", "!=")
    rises = falls = False
    for values in itertools.product((False, True), repeat=len(others)):
        known = dict(zip(others, values, strict=True))
        low, high = (eval(expression, {}, known | {pin: value}) for value in (False, True))  # noqa: S307 - ours
        rises |= high and not low
        falls |= low and not high
    return "non_unate" if rises and falls else "positive_unate" if rises else "negative_unate"


def _list(values: tuple[float, ...] | list[float]) -> str:
    return ", ".join(_g(value) for value in values)


def _g(value: float) -> str:
    return f"{value:.5g}"


if __name__ == "__main__":
    sys.stdout.write(library())
