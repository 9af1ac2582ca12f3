"""More designs that try to be called right without being right, by names, words, values, moments and size.

They are answers to `rtl_attacks.REFERENCE`. `HONEST` are right answers to references of their own, in the
styles that designers write.
"""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

from cases.rtl.attacks import WRONG, design

RIGHT = "always @(posedge clk) q <= a + b;"


def ansi(ports: str, body: str = RIGHT, *, before: str = "", after: str = "") -> str:
    """The module with a header of its own."""
    return f"{before}\nmodule top({ports});\n{body}\nendmodule\n{after}\n"


PATHS = {
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

WORDS = {
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

MOMENTS = {
    "late by less than an event": design("always @(posedge clk) q <= #1500 a + b;"),
    "late by more than an event": design("always @(posedge clk) q <= #100000 a + b;"),
    "glitch that settles": design("always @* begin q = a; #1 q = b; end"),
    "time from delays": design(
        "reg [15:0] n = 0; always #1000 n = n + 1; always @(posedge clk) q <= n < 1200 ? a + b : a;"
    ),
    "cycles counted": design(
        "reg [15:0] n = 0; always @(posedge clk) begin n <= n + 1; q <= n < 40 ? a + b : a; end"
    ),
    "changes counted": design(
        "reg [15:0] n = 0; always @(a) n = n + 1; always @(posedge clk) q <= n < 60 ? a + b : a;"
    ),
    "seen before": design(
        "reg [65535:0] s = 0; always @(posedge clk) begin if (s[{a, b}]) q <= a; else q <= a + b;"
        " s[{a, b}] <= 1; end"
    ).replace("q <= a;", "q <= a + b + 1;"),
    "random of its own": design(
        "reg [15:0] l = 1; always @(posedge clk) begin l <= {l[14:0], l[15] ^ l[13]}; q <= l[7:0]; end"
    ),
    "initial outputs": design("initial begin q = 1; #1000 q = 2; #1000 q = 3; #1000 q = 4; end"),
    "repeat with events": design("initial repeat (40) @(posedge clk) q <= a + b;"),
    "stops after a while": design(
        "integer n = 0; always @(posedge clk) if (n < 100) begin n = n + 1; q <= a + b; end"
    ),
    "intra-assignment event": design("always @(posedge clk) q <= @(negedge clk) a + b;"),
    "repeat event control": design("always @(posedge clk) q <= repeat (2) @(posedge clk) a + b;"),
    "negative delay": design("always @(posedge clk) #(-1) q <= a;"),
    "x delay": design("always @(posedge clk) #(1'bx) q <= a;"),
    "min typ max": design("always @(posedge clk) q <= #(1:2:3) a;"),
    "named event": design("event e; always @(posedge clk) -> e; always @(e) q <= a;"),
    "disable": design("always @(posedge clk) begin : blk q <= a; disable blk; q <= a + b; end"),
    "zero delays": design("always @(posedge clk) begin q = a; #0 q = a; #0 q = a; end"),
}

SIZE = {
    "replication": design("always @(posedge clk) q <= {1000000{a}} + 1;"),
    "zero replication": design("always @(posedge clk) q <= {a, {0{b}}};"),
    "negative replication": design("always @(posedge clk) q <= {(-1){a}};"),
    "x replication": design("always @(posedge clk) q <= {1'bx{a}};"),
    "number of a million digits": design(f"always @* q = 8'd{'9' * 150_000};"),
    "number of many bits": design("always @* q = 2000000000'd1;"),
    "negative range": design("reg [-5:-12] r; always @(posedge clk) q <= r;"),
    "backwards huge range": design("reg [0:2147483647] r; always @(posedge clk) q <= r[0:7];"),
    "range of x": design("reg [1'bx:0] r; always @(posedge clk) q <= r;"),
    "parameter of itself": design("localparam P = P + 1; always @* q = P;"),
    "function of itself": design(
        "function automatic [7:0] f(input [7:0] x); f = f(x); endfunction always @(posedge clk) q <= f(a);"
    ),
    "deep function": design(
        "function automatic [31:0] f(input [31:0] x); f = x == 0 ? 0 : 1 + f(x - 1); endfunction"
        " always @(posedge clk) q <= f(3000000);"
    ),
    "task of itself": design(
        "task automatic t(input [7:0] x); begin q = x; t(x); end endtask always @(posedge clk) t(a);"
    ),
    "loop of its own value": design("integer i; always @(posedge clk) for (i = 0; i >= 0; i = i) q <= a;"),
    "while on an input": design("always @(posedge clk) while (a[0] | ~a[0]) q <= a;"),
    "two processes in a ring": design("reg s = 0, t = 0; always @(s) t = ~s; always @(t) s = t;\n" + WRONG),
    "ring of gates": design(
        "wire x, y; nand (x, y, clk); nand (y, x, x); always @(posedge clk) q <= a ^ {8{y}};"
    ),
    "ring through an instance": design(
        "wire w; inv i(w, w); always @(posedge clk) q <= a ^ {8{w}};",
        after="module inv(input a, output y); assign y = ~a; endmodule",
    ),
    "deep hierarchy": design(
        "d0 d(a[0]);\n" + WRONG,
        after="\n".join(
            f"module d{n}(input a); {f'd{n + 1} d(a);' if n < 400 else ''} endmodule" for n in range(401)
        ),
    ),
    "many instances": design(
        "\n".join(f"inv i{n}(a[{n % 8}]);" for n in range(3000)) + WRONG,
        after="module inv(input a); endmodule",
    ),
    "power": design("always @(posedge clk) q <= a ** b ** a;"),
    "wide power": design("wire [4095:0] w = {512{a}} ** {512{b}}; always @(posedge clk) q <= w[7:0];"),
    "wide shifts": design("wire [65535:0] w = {8192{a}} << {8192{b}}; always @(posedge clk) q <= w[7:0];"),
    "deep concatenation": design(f"always @(posedge clk) q <= {'{' * 3000}a{'}' * 3000};"),
    "deep unary": design(f"always @(posedge clk) q <= {'~' * 30000}a;"),
    "long sum": design("always @(posedge clk) q <= " + "+".join(["a"] * 30000) + ";"),
    "deep if": design("always @* " + "if (a) q = 0; else " * 4000 + "q = 1;"),
    "memory read at large": design(
        "reg [7:0] m [0:16777215]; always @(posedge clk) begin m[{a, b, a}] <= a; q <= m[{b, a, b}]; end"
    ),
    "dimensions": design("reg [7:0] m [0:255][0:255][0:255]; always @(posedge clk) q <= m[a][b][a];"),
    "generate by halves": design(
        "t #(30) u(a);\n" + WRONG,
        after="module t #(parameter N = 0)(input [7:0] a); if (N > 0) begin t #(N-1) l(a); t #(N-1) r(a); end"
        " endmodule",
    ),
    "constant loop": design(
        "function automatic [7:0] f(input [7:0] x); for (int i = 0; i < 100000000; i++) f = x + i; endfunction"
        " localparam [7:0] P = f(3); always @(posedge clk) q <= P;"
    ),
    "foreach": design("reg [7:0] m [0:9999999]; always @(posedge clk) foreach (m[i]) m[i] <= a;\n"),
    "ever new events": design("initial forever #1 q = q + 1;"),
    "queue": design("int s[$]; always @(posedge clk) begin s.push_back(a); q <= s.size(); end"),
    "dynamic array": design("int s[]; initial s = new[2000000000]; always @(posedge clk) q <= a;"),
    "associative array": design("int s[int]; always @(posedge clk) begin s[a] = b; q <= s[b]; end"),
    "string growing": design('string s = "x"; always @(posedge clk) begin s = {s, s}; q <= s.len(); end'),
}

FORMS = {
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

# Names that mean something to a tool; the designs are right.
_HARD = [
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
        for name in _HARD
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


GAINS = {
    "unique case that hides": design(
        "always @(posedge clk) begin q <= a + b; unique case (a[0]) 1'b0: q <= a + b; endcase end"
    ),
    "case equality with x": design("always @(posedge clk) q <= (a === 8'bx) ? 0 : a + b;"),
    "initial value": design("reg k; initial k = 1; always @(posedge clk) q <= k ? a + b : 0;"),
    "two drivers": design("wire [7:0] s; assign s = a + b; assign s = a + b; always @(posedge clk) q <= s;"),
    "drivers that share": design(
        "wire [7:0] s; assign s = a[0] ? a + b : 8'bz; assign s = a[0] ? 8'bz : a + b; always @(posedge clk) q <= s;"
    ),
    "a strong and a weak driver": design(
        "wire [7:0] s; assign (strong1, strong0) s = a + b; assign (weak1, weak0) s = 8'd0;\n"
        "always @(posedge clk) q <= s;"
    ),
    "pulled up": design("wire [7:0] s; assign s = a + b; pullup p[7:0](s); always @(posedge clk) q <= s;"),
    "transistors": design(
        "wire [7:0] s, t; assign s = a + b; tran x[7:0](s, t); always @(posedge clk) q <= t;"
    ),
    "latches": design("reg [7:0] s; always @* if (!clk) s = a + b; always @* if (clk) q = s;"),
    "level that synthesis ignores": design("always @(clk) if (clk) q <= a + b; else q <= q;"),
    "delayed wire": design("wire [7:0] #5 s = a + b; always @(posedge clk) q <= s;"),
    "waits": design("always begin @(posedge clk); q <= a + b; end"),
    "forever": design("initial forever @(posedge clk) q <= a + b;"),
    "named event": design("event e; always @(posedge clk) -> e; always @(e) q <= a + b;"),
    "reals": design("real r; always @(posedge clk) begin r = a + b; q <= r; end"),
    "power": design("always @(posedge clk) q <= a ** 1 + b;"),
    "clock as data": design("always @(posedge clk) q <= clk ? a + b : 8'bx;"),
    "undriven in a mask": design("wire u; always @(posedge clk) q <= (a + b) | ({8{u}} & 8'd0);"),
    **{
        f"a module called {name}": design(
            f"wire [7:0] s; {name} n(a, b, s); always @(posedge clk) q <= s;",
            after=f"module {name} (input [7:0] x, y, output [7:0] z); assign z = x + y; endmodule",
        )
        for name in (
            "NAND2",
            "\\$add ",
            "\\$_NOT_ ",
            "\\$paramod\\top ",
            "\\$(touch\\;owned)`id` ",
            '\\a%s";{} ',
            "\\s[0][1]$;read_liberty;# ",
        )
    },
}
"""Right in simulation, and not one may be worth more than the reference."""
