"""Designs that exhaust time or memory of the tools that read them.

They are answers to `attacks.REFERENCE`.
"""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

from cases.rtl.attacks import WRONG, design

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
