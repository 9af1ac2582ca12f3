"""Designs that depend on time: delays, counted cycles, named events, glitches.

They are answers to `attacks.REFERENCE`.
"""

from __future__ import annotations

from cases.rtl.attacks import design

TIMING = {
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
