"""Designs that abuse macros, directives, comments and characters.

They are answers to `attacks.REFERENCE`.
"""

from __future__ import annotations

from cases.rtl.attacks import RIGHT, WRONG, design

TEXT = {
    "macro of the tool: Icarus": design(
        f"`ifdef __ICARUS__\n{RIGHT}\n`else\n{WRONG}\n`endif",
    ),
    "macro of the tool: Verilator": design(f"`ifdef VERILATOR\n{RIGHT}\n`else\n{WRONG}\n`endif"),
    "macro of the tool: not Yosys": design(
        f"`ifdef YOSYS\nalways @* q = 0;\n`elsif SYNTHESIS\n{RIGHT}\n`endif"
    ),
    "macro that undefines": design(f"`undefineall\n`ifdef SYNTHESIS\n{RIGHT}\n`else\n{WRONG}\n`endif"),
    "version macro": design("always @* q = `__LINE__;"),
    "file macro": design("always @(posedge clk) q <= a + (`__FILE__ == 0);"),
    "macro with default": design("`M()\n" + WRONG, before="`define M(x=$finish) initial x;"),
    "macro in a string": design('localparam S = "`M"; ' + WRONG, before="`define M $finish"),
    "split keyword": design("in/**/itial $finish;\n" + WRONG),
    "escaped system task": design("initial \\$finish ;\n" + WRONG),
    "escaped keyword": design("reg \\force ; initial \\force = 1;\n" + WRONG),
    "unicode name": design("wire ä = 1;\n" + WRONG),
    "homoglyph": design("always @(posedge clk) q <= a + Ь;"),
    "carriage returns": design("// x\r$finish;\r" + WRONG),
    "form feed": design("initial\f$finish;\n" + WRONG),
    "vertical tab": design("initial\v$stop ;\n" + WRONG),
    "line continuation": design("initial $fin\\\nish;\n" + WRONG),
    "comment in a number": design("always @(posedge clk) q <= a + 8'h/*ff*/1;"),
    "nested comment": design("/* /* */ always @* q = 0; // */"),
    "attribute with a string end": design('(* x = "*) initial $finish; (*" *) wire w;\n' + WRONG),
    "attribute of unknown end": design("(* keep\n" + WRONG),
    "sensitivity like an attribute": design("always @(*) q = 0;"),
    "protected envelope": design(
        WRONG, before="`pragma protect begin_protected\n`pragma protect end_protected"
    ),
    "resetall inside": design("`resetall\n" + WRONG),
    "timescale inside": design("`timescale 1s/1s\n" + WRONG),
    "default_nettype wrong": design("assign w = a[0];\n" + RIGHT, before="`default_nettype none"),
    "sv keyword as a name": design("wire logic; assign logic = a[0];\n" + RIGHT),
    "backtick macro of a number": design("always @(posedge clk) q <= a `PLUS b;", before="`define PLUS -"),
    "old version": design(WRONG, before='`begin_keywords "1800-2012"', after="`end_keywords"),
    "macro like a system task": design("initial `finish;\n" + WRONG, before="`define finish $finish"),
}
