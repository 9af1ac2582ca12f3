"""Designs that are right in simulation and try to look smaller, faster or more frugal than they are.

They are answers to `attacks.REFERENCE`.
"""

# ruff: noqa: E501 - designs are data, on lines of their own

from __future__ import annotations

from cases.rtl.attacks import design

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
