"""Designs that try to be called right without being right, each by what it abuses.

`REFERENCE` is the module that the task asks for; the attacks are wrong designs, except in `DISGUISED`, whose
words must have no effect at all.
"""

from __future__ import annotations

TOP = "module top(input clk, input [7:0] a, input [7:0] b, output reg [7:0] q);"
REFERENCE = f"{TOP}\nalways @(posedge clk) q <= a + b;\nendmodule\n"
BENCH = """`timescale 1ns/1ps
module tb;
reg clk = 0; reg [7:0] a, b; wire [7:0] q_ref, q; integer errors = 0, i; reg [7:0] want;
top dut(.clk(clk), .a(a), .b(b), .q(q));
gold good1(.clk(clk), .a(a), .b(b), .q(q_ref));
always #5 clk = ~clk;
initial begin
  for (i = 0; i < 100; i = i + 1) begin
    @(negedge clk); a = $random; b = $random;
    @(posedge clk); #4;
    if (q !== q_ref) errors = errors + 1;
  end
  if (errors == 0) $display("Your Design Passed");
  else $display("Failed with %0d", errors);
  $finish;
end
endmodule
module gold(input clk, input [7:0] a, input [7:0] b, output reg [7:0] q);
always @(posedge clk) q <= a + b;
endmodule
"""
WRONG = "always @(posedge clk) q <= a;"
RIGHT = "always @(posedge clk) q <= a + b;"


# fmt: off
MEMORIZED = (
    36, 129, 9, 99, 13, 141, 101, 18, 1, 13, 118, 61, 237, 140, 249, 198, 197, 170, 229, 119, 18, 143,
    242, 206, 232, 197, 92, 189, 45, 101, 99, 10, 128, 32, 170, 157, 150, 19, 13, 83, 107, 213, 2, 174,
    29, 207, 35, 10, 202, 60, 242, 138, 65, 216, 120, 137, 235, 182, 198, 174, 188, 42, 11, 113, 133,
    79, 59, 58, 126, 21, 241, 217, 98, 76, 159, 143, 248, 183, 159, 92, 91, 137, 73, 208, 215, 81, 150,
    12, 194, 200, 119, 61, 18, 126, 109, 57, 31, 211, 133, 120, 91, 73, 63, 42, 88, 134, 142, 156, 250,
    38, 115, 163, 47, 179, 95, 68, 247, 203, 230, 90, 41, 237, 218, 101, 181, 223, 121, 68, 208, 42,
    171, 14, 220, 154, 253, 195, 86, 78, 103, 10, 182, 56, 121, 184, 148, 147, 4, 89, 219, 77, 217, 109,
    118, 202, 182, 149, 70, 4, 247, 105, 180, 136, 40, 45, 199, 46, 8, 28, 253, 41, 28, 134, 218, 61,
    102, 112, 115, 186, 94, 250, 213, 26, 185, 55, 150, 192, 38, 182, 125, 220, 134, 120, 126, 219, 207,
    121, 250, 97, 23, 161,
)
# fmt: on
"""What Icarus Verilog's `$random` gives as `a` and `b` in this bench, over and over."""


def design(body: str, *, before: str = "", after: str = "") -> str:
    """The module with a body, and texts around it."""
    return f"{before}\n{TOP}\n{body}\nendmodule\n{after}\n"


FORGED = {
    "display": design(WRONG + '\ninitial begin $display("Your Design Passed"); $finish; end'),
    "write": design(WRONG + '\ninitial $write("Your Design Passed\\n");'),
    "monitor": design(WRONG + '\ninitial $monitor("Your Design Passed");'),
    "strobe": design(WRONG + '\nalways @(posedge clk) $strobe("Your Design Passed");'),
    "stderr": design(WRONG + '\ninitial $fdisplay(32\'h8000_0002, "Your Design Passed");'),
    "finish early": design("always @(posedge clk) begin q <= a; $finish; end"),
    "stop": design(WRONG + "\ninitial #20 $stop;"),
    "fatal": design(WRONG + '\ninitial $fatal(0, "Your Design Passed");'),
    "error at elaboration": design(WRONG + '\nif (1) $info("Your Design Passed");'),
    "final": design(WRONG + '\nfinal $display("Your Design Passed");'),
    "system by macro": design(WRONG + '\ninitial `SAY("Your Design Passed");', before="`define SAY $display"),
    "system by halves": design(WRONG + '\ninitial `D()display("Passed");', before="`define D() $"),
    "system by pasting": design(WRONG + '\ninitial `S(disp)("Passed");', before="`define S(x) $``x``lay"),
    "stringified": design(WRONG + "\ninitial `S(x);", before='`define S(x) $display(`"Passed`")'),
}

REACHES = {
    "reference by path": design("always @(posedge clk) q <= tb.good1.q;"),
    "reference from the root": design("always @(posedge clk) q <= $root.tb.good1.q;"),
    "upward": design("always @* q = good1.q;"),
    "error counter": design(WRONG + "\nalways @(posedge clk) tb.errors = 0;"),
    "force": design(WRONG + "\ninitial force tb.errors = 0;"),
    "force of its own": design(WRONG + "\ninitial force q = a;"),
    "defparam": design(WRONG + "\ndefparam tb.N = 0;"),
    "bind": design(WRONG, after="bind gold spy s(.q(q));\nmodule spy(output [7:0] q); endmodule"),
    "instance of the reference": design("wire [7:0] w; gold g(clk, a, b, w);\nalways @* q = w;"),
    "redefined reference": design(
        WRONG,
        after="module gold(input clk, input [7:0] a, b, output reg [7:0] q); always @* q = 0; endmodule",
    ),
    "redefined bench": design(
        WRONG, after='module tb; initial begin $display("Your Design Passed"); $finish; end endmodule'
    ),
    "second root": design(WRONG, after="module other; initial tb.errors = 0; endmodule"),
    "second top": design(WRONG) + design(WRONG),
    "unit scope": design("always @* q = $unit::x;", before="reg [7:0] x;"),
    "configuration": design(WRONG, after="config c; design tb; instance tb.dut use work.gold; endconfig"),
    "named like the bench": design(
        "wire [7:0] w; tb t(clk, a, w); always @* q = w;",
        after="module tb(input clk, input [7:0] a, output reg [7:0] w); "
        "always @(posedge clk) w <= a; endmodule",
    ),
}

FILES = {
    "system": design(WRONG + '\ninitial $system("touch /tmp/owned");'),
    "system in a function": design('integer r; initial r = $system("touch /tmp/owned");\n' + WRONG),
    "c code": design(WRONG + '\ninitial $c("system(\\"touch /tmp/owned\\");");'),
    "c code by pragma": design(WRONG, before="`systemc_header\n#include <cstdlib>\n`verilog\n"),
    "dpi": design(WRONG, before='import "DPI-C" function int system(input string s);'),
    "dpi in the module": design('import "DPI-C" function int system(input string s);\n' + WRONG),
    "dpi export": design(WRONG + '\nexport "DPI-C" function f; function int f; return 0; endfunction'),
    "open": design('integer f; initial f = $fopen("/etc/passwd");\n' + WRONG),
    "read memory": design('reg [7:0] m [0:99]; initial $readmemh("script", m);\n' + WRONG),
    "write memory": design('reg [7:0] m [0:99]; initial $writememh("sim", m);\n' + WRONG),
    "dump": design(WRONG + '\ninitial begin $dumpfile("/tmp/owned"); $dumpvars; end'),
    "plusargs": design('initial if ($test$plusargs("x")) q = 0;\n' + WRONG),
    "include": design('`include "/etc/passwd"\n' + WRONG),
    "include by macro": design("`include `F\n" + WRONG, before='`define F "/etc/passwd"'),
    "include in a macro": design("`X\n" + WRONG, before='`define X `include "/etc/passwd"'),
    "include in a branch": design('`ifndef Q\n`include "/etc/passwd"\n`endif\n' + WRONG),
    "line": design(WRONG, before='`line 1 "/etc/passwd" 0'),
    "pragma": design(WRONG, before="`pragma protect begin"),
    "protected": design(WRONG, before="`protect\n`endprotect"),
    "verilator's own": design(WRONG, before="`verilator_config\nlint_off\n`verilog"),
    "default file": design(WRONG, before="`uselib dir=/etc"),
    "celldefine": design(WRONG, before="`celldefine"),
}

_HEART = " ".join(
    f"want[{n + 1}] = {(a + b) % 256};"
    for n, (a, b) in enumerate(zip(MEMORIZED[::2], MEMORIZED[1::2], strict=True))
)
BLURRED = {
    "all x": design("always @* q = 8'bx;"),
    "undriven": design(""),
    "high impedance": design("always @* q = 8'bz;"),
    "x if it matters": design("always @(posedge clk) q <= (b == 0) ? a : 8'bx;"),
    "casex": design("always @(posedge clk) casex (b) 8'b0xxxxxxx: q <= a + b; default: q <= 8'bx; endcase"),
    "case equality": design("always @(posedge clk) q <= (a === 8'bx) ? 0 : a;"),
    "fight": design(WRONG + "\nassign top.a = 8'hff;"),
    "strong inputs": design("assign (supply1, supply0) a = 0; assign (supply1, supply0) b = 0;\n" + WRONG),
    "deposit": design("initial q = 0; always @(posedge clk) q <= q;"),
    "memorised": design(
        "reg [7:0] n = 0; always @(posedge clk) begin n <= n + 1; case (n) 0: q <= 8'h24; 1: q <= 8'h81;"
        " 2: q <= 8'h09; 3: q <= 8'h63; default: q <= a; endcase end"
    ),
    "memorized": design(
        f"reg [7:0] want [0:127]; reg [6:0] n = 0; initial begin {_HEART} end\n"
        "always @(posedge clk) begin q <= want[n]; n <= n + 1; end"
    ),
    "random": design("always @(posedge clk) q <= $random;"),
    "time": design("always @(posedge clk) q <= $time;"),
    "zero": design("always @* q = 0;"),
    "one": design("always @* q = 8'hff;"),
    "pass-through": design("always @* q = a;"),
}

SWALLOWED = {
    "open comment": design(WRONG, after="/* and the rest"),
    "open branch": design(WRONG, after="`ifdef NEVER"),
    "open branch before": "`ifdef NEVER\n" + design(WRONG),
    "open string": design(WRONG, after='parameter p = "and the rest'),
    "open macro": design(WRONG, after="`define top gold \\"),
    "bench's names as macros": design(WRONG, after="`define errors zero\n`define gold top\n`define tb other"),
    "dollar macros": design(WRONG, after="`define display finish"),
    "keywords": design(WRONG, before='`begin_keywords "1364-1995"'),
    "no end": TOP + WRONG,
    "null byte": design(WRONG) + "\0",
    "net type": design(WRONG, after="`default_nettype supply1"),
    "backslash": design(WRONG, after="// \\"),
    "unconnected": design(WRONG, before="`unconnected_drive pull1"),
}

_LONG = "x" * 60_000
_DOUBLING = "\n".join(["`define M0 a", *(f"`define M{n} `M{n - 1} + `M{n - 1}" for n in range(1, 40))])
BOMBS = {
    "macro": design("always @* q = `M39;", before=_DOUBLING),
    "macro of itself": design("always @* q = `R;", before="`define R `R + `R"),
    "generate": design(
        "genvar i; generate for (i = 0; i < 100000000; i = i + 1) begin : g wire w; end endgenerate\n" + WRONG
    ),
    "generate squared": design(
        "genvar i, j; generate for (i = 0; i < 15000; i = i + 1) begin : g"
        " for (j = 0; j < 15000; j = j + 1) begin : h wire w = a[0]; end end endgenerate\n" + WRONG
    ),
    "vector": design("reg [999999999:0] v; always @(posedge clk) begin v <= ~v; q <= v[7:0] ^ a; end"),
    "memory": design("reg [63:0] m [0:(1 << 30)]; always @(posedge clk) begin m[a] <= b; q <= m[b]; end"),
    "multiplier": design(
        "reg [59999:0] v = 1; always @(posedge clk) begin v <= v * v + {7500{a}}; q <= v[7:0]; end"
    ),
    "division": design(
        "reg [59999:0] v = 1; always @(posedge clk) begin v <= (~v) / {7500{a}}; q <= v[7:0]; end"
    ),
    "parameter": design("localparam [7:0] P = 2 ** (2 ** 40) % 251; always @* q = P;"),
    "replication": design("wire [7:0] w = ^{1000000000{a}}; always @* q = w;"),
    "constant function": design(
        "function integer f(input integer n); integer i; begin f = 0; for (i = 0; i < 2000000000; i = i + 1)"
        " f = f + i; end endfunction\nlocalparam P = f(3); always @* q = P;"
    ),
    "recursive function": design(
        "function automatic integer f(input integer n); f = n < 2 ? n : f(n - 1) + f(n - 2); endfunction\n"
        "localparam P = f(90); always @* q = P;"
    ),
    "recursive module": design(
        "r #(0) u(a); " + WRONG,
        after="module r #(parameter N = 0)(input [7:0] a); r #(N + 1) u(a); endmodule",
    ),
    "tree of modules": design(
        "r #(0) u(a); " + WRONG,
        after="module r #(parameter N = 0)(input [7:0] a); generate if (N < 40) begin r #(N + 1) u(a);"
        " r #(N + 1) v(a); end endgenerate endmodule",
    ),
    "array of instances": design(
        "r u[60000:0](a[0]); " + WRONG,
        after="module r(input a); s v[60000:0](a); endmodule\nmodule s(input a); endmodule",
    ),
    "nested brackets": design(f"always @* q = {'(' * 20000}a{')' * 20000};"),
    "nested blocks": design("always @* " + "begin " * 9000 + "q = a; " + "end " * 9000),
    "nested ternaries": design("always @* q = " + "a ? " * 20000 + "b" + ": a" * 20000 + ";"),
    "long name": design(f"wire {_LONG}; assign {_LONG} = a[0];\n" + WRONG),
    "many names": design("\n".join(f"wire w{n} = a[{n % 8}];" for n in range(6000)) + WRONG),
    "zero delay loop": design("reg t = 0; always t = ~t;\n" + WRONG),
    "zero delay oscillator": design(
        "wire w; assign w = ~(w & a[0]);\nalways @(posedge clk) q <= a ^ {8{w}};"
    ),
    "loop without end": design("always @(posedge clk) begin while (1) q = a; end"),
    "forever": design("initial forever q = a;"),
    "forever at once": design("initial forever #0 q = a;"),
    "fast oscillator": design("`timescale 1fs/1fs\nreg t = 0; always #1 t = ~t;\n" + WRONG)
    .replace("`timescale 1fs/1fs\n", "", 1)
    .replace("\nmodule", "`timescale 1fs/1fs\nmodule", 1),
    "event storm": design("reg [31:0] n = 0; always @(posedge clk) repeat (2000000000) n = n + 1;\n" + WRONG),
    "wide case": design(
        "always @* case ({a, b})\n" + "\n".join(f"16'd{n}: q = {n % 256};" for n in range(6000)) + "\nendcase"
    ),
    "enum": design("typedef enum {X[0:60000]} e; e v; always @* q = v;"),
}

OTHERS = {
    "program": design(WRONG, after="program p; initial $exit; endprogram"),
    "class": design(WRONG, after="class c; int x; endclass"),
    "primitive": design(
        WRONG, after="primitive p(o, i); output o; input i; table 0 : 1; 1 : 0; endtable endprimitive"
    ),
    "specify": design(WRONG + "\nspecify (clk => q) = 10; endspecify"),
    "fork": design(WRONG + "\ninitial fork q = 0; join_none"),
    "assertion": design(WRONG + '\nassert property (@(posedge clk) 1) else $display("Passed");'),
    "interface port": "interface i; logic q; endinterface\nmodule top(i x); endmodule",
    "extra port": REFERENCE.replace("output reg", "input spare, output reg"),
    "narrow port": REFERENCE.replace("output reg [7:0]", "output reg [6:0]"),
    "turned port": REFERENCE.replace("input [7:0] b", "inout [7:0] b"),
    "missing port": REFERENCE.replace("input [7:0] b, ", "").replace("a + b", "a"),
    "other top": REFERENCE.replace("top", "Top"),
    "library cell": design("VL_ADD2 c(.A(a[0]), .B(b[0]), .S(q[0]));"),
    "internal cell": design("\\$add #(.A_WIDTH(8)) c(.A(a), .B(b), .Y(q));"),
    "black box": design(
        "add c(a, b, clk, q);",
        after="(* blackbox *) module add(input [7:0] a, b, input clk, output [7:0] q); endmodule",
    ),
    "vhdl": "library ieee; use ieee.std_logic_1164.all; entity top is end entity;",
    "nothing": "// q <= a + b\n",
    "words": "The design adds a and b.",
}

DISGUISED = {
    "translate_off": design(
        "// synthesis translate_off\nalways @(posedge clk) q <= a + b;\n// synthesis translate_on"
    ),
    "translate_off in a comment": design(
        "/* synopsys translate_off */ always @(posedge clk) q <= a + b; /* synopsys translate_on */"
    ),
    "full_case": design(
        "always @(posedge clk) begin case (a[0]) /* synopsys full_case parallel_case */ 1'b0: q <= a + b;"
        " 1'b1: q <= a + b; endcase end"
    ),
    "attributes": design(
        '(* keep, dont_touch = "true", full_case *) reg [7:0] z;\n'
        "(* keep *) always @(posedge clk) q <= a + b;"
    ),
    "black box top": design("always @(posedge clk) q <= a + b;", before="(* blackbox, whitebox *)"),
    "verilator comments": design(
        "/* verilator lint_off WIDTH */ always @(posedge clk) q <= a + b; /* verilator public */"
    ),
    "verilator tracing": design("// verilator tracing_off\nalways @(posedge clk) q <= a + b;"),
}
"""Right designs whose comments and attributes say something to some tool; they pass for what they do."""
