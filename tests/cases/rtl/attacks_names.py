"""Designs that reach for names outside themselves, and right designs whose names mean something to a tool.

They are answers to `attacks.REFERENCE`.
"""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

from cases.rtl.attacks import WRONG, design

REACHING = {
    "the harness by its default names": design("always @* q = top.dut.q;"),
    "upwards by name": design("always @* q = dut.q;"),
    "the harness' script": design("always @* q = script[0][7:0];"),
    "the harness' count": design("initial i = 0;\n" + WRONG),
    "the inputs as the harness calls them": design("initial p1 = 0;\n" + WRONG),
    "out of a generate block": design(
        "generate if (1) begin : g assign $root.p3 = 0; end endgenerate\n" + WRONG
    ),
    "from the root without a name": design("always @* q = $root.q;"),
    "upwards out of a submodule": design(
        "sub s(clk, a, b); always @* q = s.t;",
        after="module sub(input clk, input [7:0] a, b); reg [7:0] t; always @(posedge clk) t <= p1; endmodule",
    ),
    "down into an instance that is not": design("always @* q = u.w;"),
    "defparam upwards": design(
        "sub s(); " + WRONG, after="module sub; defparam top.N = 1; endmodule"
    ).replace("module top(", "module top #(parameter N = 0)("),
    "an event of the bench": design("always @(tb.clk) q <= a;"),
    "a task of the bench": design("initial tb.check;\n" + WRONG),
    "import of a package that is not": design("import pkg::*;\n" + WRONG),
    "std package": design("std::mailbox m = new;\n" + WRONG),
    "virtual interface": design("virtual bus v;\n" + WRONG, after="interface bus; endinterface"),
    "extern module": design(WRONG, before="extern module gold(input clk);"),
    "nested module": design("module inner; endmodule\nalways @* q = 0;"),
    "let": design("let f(x) = x - 1; always @(posedge clk) q <= f(a + b);"),
    "alias": design("wire [7:0] w; alias w = a; always @(posedge clk) q <= w;"),
    "assign procedural": design("always @(posedge clk) assign q = a;"),
    "deassign": design("initial begin q = 0; deassign q; end\n" + WRONG),
}

# Names that mean something to a tool; the designs are right.
_TOOL_NAMES = [
    "main",
    "clk_",
    "VL_RAND_RESET",
    "Vdut",
    "dut",
    "TOP",
    "top__DOT__q",
    "__Vtemp1",
    "vlSymsp",
    "int8_t",
    "class_",
    "delete",
    "template",
    "operator",
    "namespace",
    "public",
    "QData",
    "p0",
    "p1",
    "script",
    "take",
    "i",
    "core",
    "bits",
    "known",
    "PUT_ALL",
    "INPUT_BITS",
    "_Exit",
    "std",
    "verilated",
    "unit",
    "worklib",
    "__PVT__q",
    "n1",
    "_0_",
    "abc",
    "sky",
    "area",
    "tie0",
    "DFF",
    "NAND2",
    "INV",
    "scope",
    "play",
    "harness",
]
NAMED = {
    **{
        f"named {name}": design(f"wire [7:0] {name} = a + b; always @(posedge clk) q <= {name};")
        for name in _TOOL_NAMES
    },
    **{
        f"a module named {name}": design(
            f"wire [7:0] w; {name} u(a, b, w); always @(posedge clk) q <= w;",
            after=f"module {name}(input [7:0] x, y, output [7:0] s); assign s = x + y; endmodule",
        )
        for name in (
            "main",
            "Vdut",
            "VL_ADD",
            "NAND2",
            "DFF",
            "gold",
            "tb",
            "harness",
            "dut",
            "INV_X1",
            "inv",
            "add",
            "dff",
        )
    },
    "escaped like a keyword": design("wire [7:0] \\module = a + b; always @(posedge clk) q <= \\module ;"),
    "escaped with brackets": design("wire [7:0] \\w[3] = a + b; always @(posedge clk) q <= \\w[3] ;"),
    "escaped with a quote": design('wire [7:0] \\w"x = a + b; always @(posedge clk) q <= \\w"x ;'),
    "escaped with a slash": design("wire [7:0] \\w/x*y = a + b; always @(posedge clk) q <= \\w/x*y ;"),
    "escaped with a dot": design("wire [7:0] \\top.q = a + b; always @(posedge clk) q <= \\top.q ;"),
    "escaped with a percent": design("wire [7:0] \\%s%n = a + b; always @(posedge clk) q <= \\%s%n ;"),
    "block named like a port": design(
        "always @(posedge clk) begin : blk reg [7:0] a_; a_ = a; q <= a_ + b; end"
    ),
}
