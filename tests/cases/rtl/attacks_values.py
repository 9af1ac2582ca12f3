"""Designs with wrong, undefined or conflicting values, drivers and edges.

They are answers to `attacks.REFERENCE`.
"""

from __future__ import annotations

from cases.rtl.attacks import RIGHT, WRONG, design

VALUES = {
    "x for a rare sum": design("always @(posedge clk) q <= (a + b == 8'h77) ? 8'bx : a + b;"),
    "z for a rare sum": design("always @(posedge clk) q <= (a + b == 8'h77) ? 8'bz : a + b;"),
    "one bit undriven": design("wire [7:0] w; assign w[6:0] = a + b; always @(posedge clk) q <= w;"),
    "one bit weak": design("wire [7:0] w; assign (weak1, weak0) w = a; always @(posedge clk) q <= w;"),
    "pulled up": design("wire [7:0] w; pullup p[7:0](w); always @(posedge clk) q <= w;"),
    "trireg": design("trireg [7:0] w; assign w = clk ? 8'bz : a; always @(posedge clk) q <= w;"),
    "supply nets": design("supply0 [7:0] w; assign w = a; always @(posedge clk) q <= w;"),
    "wired or": design("wor [7:0] w; assign w = a; assign w = b; always @(posedge clk) q <= w;"),
    "wired and": design("wand [7:0] w; assign w = a; assign w = b; always @(posedge clk) q <= w;"),
    "both drive": design("wire [7:0] w; assign w = a + b; assign w = a - b; always @(posedge clk) q <= w;"),
    "drives an input": design("assign b = 8'h00;\n" + RIGHT),
    "drives an input where it likes": design("assign a = b == 3 ? 8'h01 : 8'bz;\n" + RIGHT),
    "pulls an input": design("pulldown p(clk);\n" + WRONG),
    "strength of an input": design("assign (strong1, highz0) a = 8'hff;\n" + RIGHT),
    "gate on an input": design("buf g(a[0], 1'b0);\n" + RIGHT),
    "nmos on an input": design("nmos g(a[0], 1'b0, 1'b1);\n" + RIGHT),
    "tran between inputs": design("tran t(a[0], b[0]);\n" + RIGHT),
    "case equality with x": design("always @(posedge clk) q <= (b === 8'bz) ? a + b : a;"),
    "casez on z": design(
        "always @(posedge clk) casez (a) 8'b????_???1: q <= a; default: q <= a + b; endcase"
    ),
    "wildcard equality": design("always @(posedge clk) q <= (a ==? 8'bxxxxxxx1) ? a : a + b;"),
    "signed overflow": design("wire signed [6:0] s = a + b; always @(posedge clk) q <= s;"),
    "truncated": design("wire [3:0] l = a[3:0] + b[3:0]; always @(posedge clk) q <= {a[7:4] + b[7:4], l};"),
    "real": design("real r; always @(posedge clk) begin r = a + b; q <= r / 2; end"),
    "string": design('always @(posedge clk) q <= "a" + b;'),
    "uninitialised function": design(
        "function [7:0] f(input [7:0] x); if (x[0]) f = a + b; endfunction always @(posedge clk) q <= f(a);"
    ),
    "static function keeps": design(
        "function static [7:0] f(input [7:0] x); reg [7:0] k; begin f = k; k = x; end endfunction\n"
        "always @(posedge clk) q <= f(a + b);"
    ),
    "power-up": design("reg u; always @(posedge clk) q <= u ? a : u === 1'bx ? a + b : 0;").replace(
        "a + b", "a - b"
    ),
    "latch": design("always @* if (clk) q = a + b;"),
    "latch of the other level": design("always @* if (!clk) q = a + b;"),
    "other edge": design("always @(negedge clk) q <= a + b;"),
    "both edges": design("always @(clk) q <= a + b;"),
    "no clock": design("always @* q = a + b;"),
    "an edge of data": design("always @(posedge clk or posedge a[0]) q <= a + b;"),
    "list without b": design("always @(a) q = a + b;"),
    "a cycle late": design("reg [7:0] s; always @(posedge clk) begin s <= a + b; q <= s; end"),
    "blocking order": design("reg [7:0] s; always @(posedge clk) begin q = s; s = a + b; end"),
    "gated clock": design("wire g = clk & ~a[7]; always @(posedge g) q <= a + b;"),
    "divided clock": design("reg d = 0; always @(posedge clk) d <= ~d; always @(posedge d) q <= a + b;"),
}
