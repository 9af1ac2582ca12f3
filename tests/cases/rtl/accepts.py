"""Right answers to references of their own, in the styles that designers write: all of them pass."""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

ALU = """module top(input [1:0] op, input signed [7:0] a, b, output reg signed [7:0] y, output zero);
always @* case (op) 2'd0: y = a + b; 2'd1: y = a - b; 2'd2: y = a >>> b[2:0]; default: y = a & b; endcase
assign zero = y == 0;
endmodule"""
FSM = """module top(input clk, input rst_n, input d, output reg hit);
reg [1:0] s;
always @(posedge clk or negedge rst_n)
  if (!rst_n) begin s <= 0; hit <= 0; end
  else begin hit <= s == 2 && d; s <= d ? (s == 2 ? 2'd1 : s == 1 ? 2'd1 : 2'd1) : (s == 1 ? 2'd2 : 2'd0); end
endmodule"""
MEMORY = """module top(input clk, input we, input [3:0] wa, ra, input [7:0] d, output [7:0] q);
reg [7:0] m [0:15];
always @(posedge clk) if (we) m[wa] <= d;
assign q = m[ra];
endmodule"""
PRIORITY = """module top(input [7:0] r, output reg [2:0] n, output reg valid);
integer i;
always @* begin n = 0; valid = 0; for (i = 0; i < 8; i = i + 1) if (r[i]) begin n = i; valid = 1; end end
endmodule"""
ONES = """module top(input [15:0] a, output [4:0] n, output odd);
assign n = a[0]+a[1]+a[2]+a[3]+a[4]+a[5]+a[6]+a[7]+a[8]+a[9]+a[10]+a[11]+a[12]+a[13]+a[14]+a[15];
assign odd = ^a;
endmodule"""
SHIFT = """module top(input clk, input load, input left, input sin, input [7:0] d, output reg [7:0] q);
always @(posedge clk) if (load) q <= d; else q <= left ? {q[6:0], sin} : {sin, q[7:1]};
endmodule"""
COUNTER = """module top(input clk, input rst, input en, output reg [3:0] tens, ones);
always @(posedge clk)
  if (rst) {tens, ones} <= 0;
  else if (en) begin
    if (ones == 9) begin ones <= 0; tens <= tens == 9 ? 4'd0 : tens + 4'd1; end else ones <= ones + 4'd1;
  end
endmodule"""
GRAY = """module top(input [7:0] b, output [7:0] g); assign g = b ^ (b >> 1); endmodule"""
MULTIPLY = """module top(input clk, input signed [7:0] a, b, output reg signed [15:0] p);
always @(posedge clk) p <= a * b;
endmodule"""
BUS = """module top(input a_en, b_en, input [3:0] a, b, output [3:0] y);
assign y = a_en ? a : 4'bz;
assign y = b_en & ~a_en ? b : 4'bz;
endmodule"""
LATCH = """module top(input g, input [3:0] d, output reg [3:0] q); always @* if (g) q = d; endmodule"""
EDGE = """module top(input clk, input d, output up, down);
reg last; always @(posedge clk) last <= d; assign up = d & ~last; assign down = ~d & last;
endmodule"""

_ALU_HEAD = "module top(input [1:0] op, input signed [7:0] a, b, output reg signed [7:0] y, output zero);"
_FSM_HEAD = "module top(input logic clk, rst_n, d, output logic hit);"
_MEMORY_HEAD = "module top(input clk, input we, input [3:0] wa, ra, input [7:0] d, output [7:0] q);"

HONEST: dict[str, tuple[str, str]] = {
    "functions": (
        ALU,
        _ALU_HEAD
        + """
function signed [7:0] f(input [1:0] o, input signed [7:0] x, z);
  case (o) 0: f = x + z; 1: f = x - z; 2: f = x >>> z[2:0]; default: f = x & z; endcase
endfunction
always @(op or a or b) y = f(op, a, b);
assign zero = ~|y; endmodule""",
    ),
    "automatic function with return": (
        ALU,
        _ALU_HEAD.replace("reg", "logic")
        + """
function automatic logic signed [7:0] f(logic [1:0] o, logic signed [7:0] x, z);
  unique case (o) 2'b00: return x + z; 2'b01: return x - z; 2'b10: return x >>> z[2:0]; 2'b11: return x & z;
  endcase
endfunction
always_comb y = f(op, a, b);
assign zero = (y == '0); endmodule""",
    ),
    "typedef enum and casts": (
        ALU,
        """typedef enum logic [1:0] {ADD, SUB, SRA, AND} op_t;
module top(input logic [1:0] op, input logic signed [7:0] a, b, output logic signed [7:0] y, output logic zero);
op_t o; assign o = op_t'(op);
always_comb begin
  y = 'x;
  case (o) ADD: y = a + b; SUB: y = 8'(a - b); SRA: y = a >>> b[2:0]; AND: y = a & b; endcase
end
assign zero = !y; endmodule""",
    ),
    "package": (
        ALU,
        """package ops; localparam logic [1:0] ADD = 0, SUB = 1, SRA = 2; endpackage
"""
        + _ALU_HEAD.replace("module top(", "module top import ops::*; (").replace("reg", "logic")
        + """
always_comb if (op == ADD) y = a + b; else if (op == SUB) y = a - b; else if (op == SRA) y = a >>> b[2:0];
else y = a & b;
assign zero = y == 0; endmodule""",
    ),
    "array of results": (
        ALU,
        _ALU_HEAD
        + """
wire signed [7:0] r [0:3];
assign r[0] = a + b; assign r[1] = a + ~b + 1; assign r[2] = a >>> b[2:0]; assign r[3] = a & b;
always @* y = r[op];
assign zero = y == 8'sd0; endmodule""",
    ),
    "non-ANSI header": (
        ALU,
        """module top(op, a, b, y, zero);
input [1:0] op; input [7:0] a, b; output [7:0] y; output zero;
wire signed [1:0] dummy; wire [1:0] op; wire signed [7:0] a, b; reg signed [7:0] y; wire zero;
assign dummy = 2'b0;
always @(*) begin case (op) 2'd0: y <= a + b; 2'd1: y <= a - b; 2'd2: y <= a >>> b[2:0]; default: y <= a & b; endcase end
assign zero = (y == 0) ? 1'b1 : 1'b0;
endmodule""",
    ),
    "three processes and an enum": (
        FSM,
        _FSM_HEAD
        + """
typedef enum logic [1:0] {IDLE, ONE, TEN} state_t;
state_t state, next;
always_ff @(posedge clk or negedge rst_n) if (!rst_n) state <= IDLE; else state <= next;
always_comb begin
  next = state;
  unique case (state)
    IDLE: if (d) next = ONE;
    ONE: next = d ? ONE : TEN;
    TEN: next = d ? ONE : IDLE;
    default: next = IDLE;
  endcase
end
always_ff @(posedge clk or negedge rst_n) if (!rst_n) hit <= 1'b0; else hit <= state == TEN && d;
endmodule""",
    ),
    "one-hot with reverse case": (
        FSM,
        """module top(input clk, input rst_n, input d, output reg hit);
localparam A = 0, B = 1, C = 2;
reg [2:0] s;
always @(posedge clk, negedge rst_n)
  if (~rst_n) begin s <= 3'b001; hit <= 1'b0; end
  else begin
    s <= 3'b000; hit <= 1'b0;
    case (1'b1)
      s[A]: if (d) s[B] <= 1; else s[A] <= 1;
      s[B]: if (d) s[B] <= 1; else s[C] <= 1;
      s[C]: begin if (d) s[B] <= 1; else s[A] <= 1; hit <= d; end
      default: s[A] <= 1;
    endcase
  end
endmodule""",
    ),
    "window of bits": (
        FSM,
        """module top(input clk, input rst_n, input d, output reg hit);
reg [1:0] w;
always @(posedge clk or negedge rst_n)
  if (!rst_n) begin w <= 2'b00; hit <= 1'b0; end
  else begin w <= {w[0], d}; hit <= w == 2'b10 & d; end
endmodule""",
    ),
    "macros for states": (
        FSM,
        """`timescale 1ns / 1ps
`define S0 2'd0
`define S1 2'd1
`define S2 2'd2
`define FF(q, d) q <= #1 d
module top(input wire clk, input wire rst_n, input wire d, output reg hit);
reg [1:0] s, n;
always @(s, d) begin
  n = `S0;
  case (s) `S0: n = d ? `S1 : `S0; `S1: n = d ? `S1 : `S2; `S2: n = d ? `S1 : `S0; endcase
end
always @(posedge clk or negedge rst_n) if (!rst_n) begin s <= `S0; hit <= 0; end
else begin `FF(s, n); `FF(hit, (s == `S2) & d); end
endmodule""",
    ),
    "memory of logic": (
        MEMORY,
        _MEMORY_HEAD.replace("output [", "output logic [")
        + """
logic [15:0][7:0] m;
always_ff @(posedge clk) if (we) m[wa] <= d;
always_comb q = m[ra]; endmodule""",
    ),
    "memory by generate": (
        MEMORY,
        _MEMORY_HEAD
        + """
wire [7:0] w [0:15]; genvar g;
generate for (g = 0; g < 16; g = g + 1) begin : row
  reg [7:0] r; always @(posedge clk) if (we && wa == g) r <= d; assign w[g] = r;
end endgenerate
assign q = w[ra]; endmodule""",
    ),
    "flat memory": (
        MEMORY,
        _MEMORY_HEAD
        + """
reg [127:0] m; always @(posedge clk) if (we) m[wa * 8 +: 8] <= d; assign q = m[{ra, 3'b0} +: 8]; endmodule""",
    ),
    "memory in a submodule": (
        MEMORY,
        _MEMORY_HEAD
        + """
ram #(.W(8), .D(16)) u_ram (.clk, .we, .wa, .ra, .d, .q);
endmodule
module ram #(parameter int W = 1, D = 2, localparam A = $clog2(D))
(input logic clk, we, input logic [A-1:0] wa, ra, input logic [W-1:0] d, output logic [W-1:0] q);
logic [W-1:0] cells [D];
always_ff @(posedge clk) if (we) cells[wa] <= d;
assign q = cells[ra];
endmodule""",
    ),
    "casez": (
        PRIORITY,
        """module top(input [7:0] r, output reg [2:0] n, output reg valid);
always @* begin valid = 1'b1;
casez (r) 8'b1???????: n = 7; 8'b01??????: n = 6; 8'b001?????: n = 5; 8'b0001????: n = 4; 8'b00001???: n = 3;
8'b000001??: n = 2; 8'b0000001?: n = 1; 8'b00000001: n = 0; default: begin n = 0; valid = 1'b0; end endcase end
endmodule""",
    ),
    "casex": (
        PRIORITY,
        """module top(input [7:0] r, output reg [2:0] n, output valid);
assign valid = |r;
always @(r) casex (r) 8'b1xxxxxxx: n = 7; 8'b01xxxxxx: n = 6; 8'b001xxxxx: n = 5; 8'b0001xxxx: n = 4;
8'b00001xxx: n = 3; 8'b000001xx: n = 2; 8'b0000001x: n = 1; default: n = 0; endcase
endmodule""",
    ),
    "loop from the top with a flag": (
        PRIORITY,
        """module top(input [7:0] r, output reg [2:0] n, output reg valid);
integer i; reg found;
always @* begin found = 0; n = 3'd0;
for (i = 7; i >= 0; i = i - 1) if (r[i] && !found) begin n = i[2:0]; found = 1'b1; end
valid = found; end
endmodule""",
    ),
    "loop with break": (
        PRIORITY,
        """module top(input logic [7:0] r, output logic [2:0] n, output logic valid);
always_comb begin n = '0; valid = '0;
for (int i = 7; i >= 0; i--) if (r[i]) begin n = 3'(i); valid = 1'b1; break; end end
endmodule""",
    ),
    "nested conditionals": (
        PRIORITY,
        """module top(input wire [7:0] r, output wire [2:0] n, output wire valid);
assign n = r[7] ? 3'd7 : r[6] ? 3'd6 : r[5] ? 3'd5 : r[4] ? 3'd4 : r[3] ? 3'd3 : r[2] ? 3'd2 : r[1] ? 3'd1 : 3'd0;
assign valid = r != 8'h00;
endmodule""",
    ),
    "gates and instances": (
        PRIORITY,
        """module top(input [7:0] r, output [2:0] n, output valid);
wire [1:0] h, l; wire vh, vl;
pe4 hi(.r(r[7:4]), .n(h), .v(vh)), lo(.r(r[3:0]), .n(l), .v(vl));
or g0(valid, vh, vl);
assign n = {vh, vh ? h : l};
endmodule
module pe4(input [3:0] r, output [1:0] n, output v);
wire t; not g1(t, r[2]); wire s; and g2(s, t, r[1]);
or g3(n[1], r[3], r[2]); or g4(n[0], r[3], s); assign v = |r;
endmodule""",
    ),
    "countones": (
        ONES,
        """module top(input logic [15:0] a, output logic [4:0] n, output logic odd);
assign n = $countones(a); assign odd = n[0];
endmodule""",
    ),
    "sum in a loop": (
        ONES,
        """module top(input [15:0] a, output reg [4:0] n, output reg odd);
integer i;
always @* begin n = 5'b0; for (i = 0; i < 16; i = i + 1) n = n + {4'b0, a[i]}; odd = n % 2; end
endmodule""",
    ),
    "tree by recursion": (
        ONES,
        """module top(input [15:0] a, output [4:0] n, output odd);
ones #(16) u(a, n); assign odd = n[0];
endmodule
module ones #(parameter W = 1)(input [W-1:0] a, output [$clog2(W+1)-1:0] n);
generate if (W == 1) begin : leaf assign n = a; end else begin : node
wire [$clog2(W/2+1)-1:0] x, y;
ones #(W/2) l(a[W-1:W/2], x); ones #(W/2) r(a[W/2-1:0], y);
assign n = x + y; end endgenerate
endmodule""",
    ),
    "while loop": (
        ONES,
        """module top(input [15:0] a, output reg [4:0] n, output odd);
reg [15:0] t;
always @(a) begin t = a; n = 0; while (t != 0) begin n = n + 1; t = t & (t - 1); end end
assign odd = n & 1;
endmodule""",
    ),
    "task": (
        SHIFT,
        """module top(input clk, input load, input left, input sin, input [7:0] d, output reg [7:0] q);
task move; input way; begin if (way) q <= {q, sin}; else q <= {sin, q[7:1]}; end endtask
always @(posedge clk) begin if (load) q <= d; else move(left); end
endmodule""",
    ),
    "packed struct": (
        SHIFT,
        """module top(input logic clk, load, left, sin, input logic [7:0] d, output logic [7:0] q);
typedef struct packed {logic top; logic [5:0] mid; logic low;} word_t;
word_t w; assign q = w;
always_ff @(posedge clk) if (load) w <= d; else if (left) w <= {w.mid, w.low, sin}; else w <= {sin, w.top, w.mid};
endmodule""",
    ),
    "flip-flops in a row": (
        SHIFT,
        """module top(input clk, input load, input left, input sin, input [7:0] d, output [7:0] q);
wire [9:0] e = {sin, q, sin};
genvar i; generate for (i = 0; i < 8; i = i + 1) begin : g
bit_cell c(clk, load ? d[i] : left ? e[i] : e[i + 2], q[i]); end endgenerate
endmodule
module bit_cell(input clk, d, output reg q); always @(posedge clk) q <= d; endmodule""",
    ),
    "wire of the next value": (
        COUNTER,
        """module top(input clk, rst, en, output reg [3:0] tens, output reg [3:0] ones);
wire carry = (ones == 4'h9); wire wrap = carry && tens == 4'h9;
wire [3:0] next_ones = carry ? 4'h0 : ones + 1'b1;
wire [3:0] next_tens = wrap ? 4'h0 : carry ? tens + 1'b1 : tens;
always @(posedge clk) begin
  if (en) begin ones <= next_ones; tens <= next_tens; end
  if (rst) begin ones <= 0; tens <= 0; end
end
endmodule""",
    ),
    "digits in instances with parameters": (
        COUNTER,
        """module top(input clk, input rst, input en, output [3:0] tens, output [3:0] ones);
wire c; digit #(.TOP(9)) u0(.clk(clk), .rst(rst), .en(en), .q(ones), .carry(c));
digit u1(.clk(clk), .rst(rst), .en(c), .q(tens), .carry()); defparam u1.TOP = 9;
endmodule
module digit #(parameter TOP = 15)(input clk, rst, en, output reg [3:0] q, output carry);
assign carry = en & (q == TOP);
always @(posedge clk) if (rst) q <= 4'd0; else if (en) q <= (q == TOP) ? 4'd0 : q + 4'd1;
endmodule""",
    ),
    "one variable for both": (
        COUNTER,
        """module top(input clk, input rst, input en, output [3:0] tens, output [3:0] ones);
reg [6:0] n;
always @(posedge clk) if (rst) n <= 7'd0; else if (en) n <= (n == 7'd99) ? 7'd0 : n + 7'd1;
assign tens = n / 10; assign ones = n % 10;
endmodule""",
    ),
    "blocking inside a clocked block": (
        COUNTER,
        """module top(input clk, input rst, input en, output reg [3:0] tens, ones);
reg [3:0] o, t;
always @(posedge clk) begin
  o = ones; t = tens;
  if (en) begin o = o + 1; if (o == 10) begin o = 0; t = t + 1; if (t == 10) t = 0; end end
  if (rst) begin o = 0; t = 0; end
  ones <= o; tens <= t;
end
endmodule""",
    ),
    "gray by bits": (
        GRAY,
        """module top(input [7:0] b, output [7:0] g);
assign g[7] = b[7]; genvar i; for (i = 0; i < 7; i = i + 1) assign g[i] = b[i + 1] ^ b[i];
endmodule""",
    ),
    "gray as a table": (
        GRAY,
        "module top(input [7:0] b, output reg [7:0] g);\nalways @* case (b)\n"
        + "\n".join(f"8'd{n}: g = 8'd{n ^ n >> 1};" for n in range(256))
        + "\nendcase\nendmodule",
    ),
    "gray in a constant": (
        GRAY,
        """module top(input logic [7:0] b, output logic [7:0] g);
function automatic logic [255:0][7:0] table_of();
for (int i = 0; i < 256; i++) table_of[i] = i ^ (i >> 1);
endfunction
localparam logic [255:0][7:0] T = table_of();
assign g = T[b];
endmodule""",
    ),
    "signed by $signed": (
        MULTIPLY,
        """module top(input clk, input [7:0] a, b, output reg [15:0] p);
always @(posedge clk) p <= $signed(a) * $signed(b);
endmodule""",
    ),
    "partial products": (
        MULTIPLY,
        """module top(input clk, input signed [7:0] a, input signed [7:0] b, output reg signed [15:0] p);
reg signed [15:0] s; integer i;
always @* begin s = 0; for (i = 0; i < 7; i = i + 1) if (b[i]) s = s + (a <<< i); if (b[7]) s = s - (a <<< 7); end
always @(posedge clk) p <= s;
endmodule""",
    ),
    "registers of the inputs' products": (
        MULTIPLY,
        """module top(input logic clk, input logic signed [7:0] a, b, output logic signed [15:0] p);
logic signed [15:0] x, y;
always_comb begin x = {{8{a[7]}}, a}; y = 16'(b); end
always_ff @(posedge clk) p <= x * y;
endmodule""",
    ),
    "one driver that knows z": (
        BUS,
        """module top(input a_en, b_en, input [3:0] a, b, output [3:0] y);
assign y = a_en ? a : b_en ? b : 4'bzzzz;
endmodule""",
    ),
    "gates that know z": (
        BUS,
        """module top(input a_en, b_en, input [3:0] a, b, output [3:0] y);
wire s; nor n(s, a_en, ~b_en);
bufif1 x[3:0](y, a, a_en); bufif1 z[3:0](y, b, s);
endmodule""",
    ),
    "always_latch": (
        LATCH,
        "module top(input logic g, input logic [3:0] d, output logic [3:0] q); always_latch if (g) q <= d; endmodule",
    ),
    "latch as a feedback": (
        LATCH,
        "module top(input g, input [3:0] d, output [3:0] q); assign q = g ? d : q; endmodule",
    ),
    "edges by comparison": (
        EDGE,
        """module top(input clk, d, output reg up, output reg down);
reg last;
always @(posedge clk) last <= d;
always @(d, last) begin {up, down} = 2'b00; if (d != last) if (d) up = 1; else down = 1; end
endmodule""",
    ),
    "wires as initial values": (
        EDGE,
        """module top(input clk, input d, output up, output down);
logic last = 0; logic [1:0] both; assign both = {d, last};
always_ff @(posedge clk) begin : keep last <= d; end : keep
assign {up, down} = {both == 2'b10, both == 2'b01};
endmodule : top""",
    ),
}
