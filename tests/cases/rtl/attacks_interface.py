"""Designs whose ports, top module or cells are not those that were asked for.

They are answers to `attacks.REFERENCE`.
"""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

from cases.rtl.attacks import RIGHT, WRONG, design


def ansi(ports: str, body: str = RIGHT, *, before: str = "", after: str = "") -> str:
    """The module with a header of its own."""
    return f"{before}\nmodule top({ports});\n{body}\nendmodule\n{after}\n"


INTERFACE = {
    "other order": ansi("input [7:0] b, input clk, input [7:0] a, output reg [7:0] q", WRONG),
    "case of names": ansi(
        "input CLK, input [7:0] A, input [7:0] B, output reg [7:0] Q", "always @(posedge CLK) Q <= A + B;"
    ),
    "output as input": ansi("input clk, input [7:0] a, input [7:0] b, input [7:0] q", ""),
    "output as inout": ansi(
        "input clk, input [7:0] a, input [7:0] b, inout [7:0] q",
        "reg [7:0] r; assign q = r; always @(posedge clk) r <= a + b;",
    ),
    "ref port": ansi("input clk, input [7:0] a, input [7:0] b, ref logic [7:0] q"),
    "unpacked output": ansi(
        "input clk, input [7:0] a, input [7:0] b, output reg q [7:0]",
        "integer i; always @(posedge clk) for (i = 0; i < 8; i = i + 1) q[i] <= a[i] ^ b[i];",
    ),
    "wide output": ansi("input clk, input [7:0] a, input [7:0] b, output reg [8:0] q"),
    "concatenated port": ansi(
        "clk, a, b, .q({h, l})",
        "input clk; input [7:0] a, b; output reg [3:0] h, l; always @(posedge clk) {h, l} <= a;",
    ),
    "renamed port": ansi(
        "input clk, input [7:0] a, input [7:0] b, output .q(r)", "reg [7:0] r; always @(posedge clk) r <= a;"
    ),
    "port named twice": ansi(
        "clk, a, a, q", "input clk; input [7:0] a; output reg [7:0] q; always @(posedge clk) q <= a;"
    ),
    "no ports": "module top; endmodule",
    "real output": ansi(
        "input clk, input [7:0] a, input [7:0] b, output real q", "always @(posedge clk) q = a + b;"
    ),
    "parameter instead of an input": "module top #(parameter b = 0)(input clk, input [7:0] a, output reg [7:0] q);\n"
    + RIGHT
    + "\nendmodule",
    "parameter that widens": "module top #(parameter N = 4)(input clk, input [N-1:0] a, b, output reg [N-1:0] q);\n"
    + RIGHT
    + "\nendmodule",
    "interface port": "interface bus; logic [7:0] q; endinterface\nmodule top(input clk, input [7:0] a, b, bus x);\nalways @(posedge clk) x.q <= a + b;\nendmodule",
    "package called like the top": "package top; endpackage\n" + design(WRONG),
    "interface called like the top": "interface top(input clk, input [7:0] a, b, output reg [7:0] q);\n"
    + RIGHT
    + "\nendinterface",
    "program called like the top": "program top(input clk, input [7:0] a, b, output reg [7:0] q);\ninitial q = 0;\nendprogram",
    "two tops, one right": design(WRONG) + design(RIGHT),
    "a right one under another name": design(RIGHT).replace("module top", "module other") + design(WRONG),
    "right in the dead branch": design(
        "generate if (0) begin " + RIGHT + " end else begin " + WRONG + " end endgenerate"
    ),
    "right behind a parameter": design(
        f"generate if (W) begin {RIGHT} end else begin {WRONG} end endgenerate"
    ).replace("module top(", "module top #(parameter W = 0)("),
    "macromodule": design(WRONG)
    .replace("module top", "macromodule top")
    .replace("endmacromodule", "endmodule"),
    "cell of the library": design("NAND2_X1 g(.A1(a[0]), .A2(b[0]), .ZN(q[0]));"),
    "flip-flop of the tool": design("\\$_DFF_P_ g(.C(clk), .D(a[0]), .Q(q[0]));"),
    "cell of the synthesiser": design("\\$dff #(.WIDTH(8), .CLK_POLARITY(1)) f(.CLK(clk), .D(a), .Q(q));"),
    "a cell of its own that lies": design(
        "\\$add c(.A(a), .B(b), .Y(s)); wire [7:0] s; always @(posedge clk) q <= s;",
        after="module \\$add (input [7:0] A, B, output [7:0] Y); assign Y = A; endmodule",
    ),
    "a library cell of its own that lies": design(
        "wire s; nand2 c(.a(a[0]), .b(b[0]), .y(s)); always @(posedge clk) q <= {8{s}};",
        after="module nand2(input a, b, output y); assign y = a; endmodule",
    ),
}
