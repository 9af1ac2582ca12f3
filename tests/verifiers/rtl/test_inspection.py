"""What a completion's design is, what it may say, and what its ports are."""

from __future__ import annotations

import pytest

pytest.importorskip("pyslang")

from verirl.answers import NoAnswerError
from verirl_rtl.extract import extract
from verirl_rtl.language.inspection import Port, inspect_answer, inspect_trusted
from verirl_rtl.language.language_rules import refusal_of_expanded, refusal_of_source, without_comments
from verirl_rtl.language.verilog_text import bench_parameters, rename_modules

ADDER = """module add #(parameter N = 8)(input [N-1:0] a, input signed [3:0] b, output logic [N:0] s);
assign s = a + b;
endmodule
"""


@pytest.mark.parametrize(
    ("completion", "found"),
    [
        ("```verilog\nA\n```", "A"),
        ("```systemverilog\nA\n```", "A"),
        ("```sv\nA\n```", "A"),
        ("First:\n```verilog\nA\n```\nBetter:\n```verilog\nB\n```\nDone.", "B"),
        ("```verilog\nA\n```\nIts output:\n```\nq = 1\n```", "A"),
        ("```\nA\n```", "A"),
        ("~~~v\nA\n~~~", "A"),
        ("<think>\n```verilog\nA\n```\n</think>\n```verilog\nB\n```", "B"),
        ("so be it\n```\n</think>\n```verilog\nB\n```", "B"),
        ("// adds\nmodule m(input a);\nendmodule\n", "// adds\nmodule m(input a);\nendmodule"),
        (
            "`timescale 1ns/1ps\nmodule m;\nendmodule : m // m\n",
            "`timescale 1ns/1ps\nmodule m;\nendmodule : m // m",
        ),
    ],
)
def test_the_last_block_is_the_answer(completion: str, found: str) -> None:
    assert extract(completion).strip() == found


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "The module adds.",
        "```verilog\nA",
        "```python\nA\n```",
        "```verilog\n\n```",
        "<think>```verilog\nA\n```",
        "Here it is: module m; endmodule",
        "module m; endmodule and that is all",
    ],
)
def test_what_is_no_answer(completion: str) -> None:
    with pytest.raises(NoAnswerError):
        extract(completion)


@pytest.mark.parametrize("filler", ["/**/", "`a ", "// ", "(**)"])
def test_a_row_of_comments_is_read_once(filler: str) -> None:
    """A pattern that tries every way to cut it into comments would not come to an end."""
    for completion in (f"{filler * 400}x", f"module m; endmodule{filler * 400}\nx"):
        with pytest.raises(NoAnswerError):
            extract(completion)


def test_ports_are_those_of_the_elaborated_top() -> None:
    found = inspect_answer(ADDER, "add")
    assert found.ok
    assert found.ports == (
        Port("a", "input", 8),
        Port("b", "input", 4, signed=True),
        Port("s", "output", 9),
    )
    assert inspect_answer(ADDER, "add", {"N": "3", "M": "1"}).ports[2].width == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("module add(input a, output b);\nassign b = c;\nendmodule", "line 2"),
        ("module add(input a, output b)\nassign b = a;\nendmodule", "line"),
        ("module sub(input a); endmodule", "there is no module 'add', only 'sub'"),
        ("// nothing", "there is no module; the answer must define 'add'"),
        ("module add(input a, output b);\nother u(a, b);\nendmodule", "line 2"),
        ("interface i; endinterface\nmodule add(i p); endmodule", "interface"),
        ("module add(input real a); endmodule", "no vector of bits"),
    ],
)
def test_what_does_not_elaborate_says_where(text: str, words: str) -> None:
    found = inspect_answer(text, "add")
    assert not found.ok
    assert words in "; ".join(found.errors)


@pytest.mark.parametrize(
    "body",
    [
        "assign q = w; wire [3:0] w; assign w = a;",
        "wire [W-1:0] w = a; parameter W = 4; assign q = w;",
        "typedef enum logic [3:0] {A, B} e; e s; always @(posedge c) s <= s + 1; assign q = s;",
        "typedef enum logic [3:0] {A, B} e; e s; always @(posedge c) s <= a; assign q = s;",
        "genvar i; for (i = 0; i < 4; i = i + 1) assign q[i] = a[i];",
        "reg [3:0] r; initial r = 0; always_ff @(posedge c) r <= a; assign q = r;",
        "assign q = f(a); function [3:0] f(input [3:0] x); f = ~x; endfunction",
        "logic [3:0] m [0:3]; assign q = {m[a[1:0]][2:0], a[5]};",
    ],
)
def test_what_designers_write_and_simulators_take_is_let_through(body: str) -> None:
    found = inspect_answer(f"module m(input c, input [3:0] a, output [3:0] q);\n{body}\nendmodule", "m")
    assert found.ok, found


def test_a_refusal_names_what_and_where() -> None:
    assert inspect_answer('module m;\ninitial\n$display("x");\nendmodule', "m").refusal.startswith(
        "line 3: '$display'"
    )
    assert inspect_answer('\n`include "x"\nmodule m; endmodule', "m").refusal.startswith("line 2: '`include'")
    assert inspect_answer("module m; reg q; initial force q = 1; endmodule", "m").refusal.startswith(
        "line 1: 'force'"
    )


def test_a_bench_in_the_answer_is_not_a_second_root() -> None:
    refused = inspect_answer("module m(input a); endmodule\nmodule other; endmodule", "m").refusal
    assert "'other' is never instantiated" in refused
    turned = inspect_answer("module m(input a); endmodule\nmodule tb; m u(1'b0); endmodule", "m").refusal
    assert "'m' is instantiated by the answer itself" in turned


def test_the_canonical_text_has_one_reading() -> None:
    text = (
        "`timescale 1ns/1ps\n`define W 4\n`define OR(x, y) (x | y)\n"
        "(* keep *) module m(input [`W-1:0] a, output q); // synthesis translate_off\n"
        "`ifdef NEVER\nnonsense\n`endif\n/* synopsys\nfull_case */ assign q = `OR(a[0], a[1]);\n"
        'wire \\odd//name ; localparam S = "/* no comment */ (* nor this *)";\nalways @(*) ;\nendmodule\n'
    )
    found = inspect_answer(text, "m")
    assert found.ok
    for gone in ("`", "translate_off", "full_case", "keep", "nonsense"):
        assert gone not in found.text
    for kept in ("(a[0] | a[1])", "\\odd//name ", '"/* no comment */ (* nor this *)"', "[4-1:0]", "@(*)"):
        assert kept in found.text
    assert inspect_answer(found.text, "m").text.split() == found.text.split()


def test_skin_keeps_lines() -> None:
    text = "a /* 1\n2\n3 */ b // c\n(* x\ny *) d"
    assert without_comments(text).count("\n") == text.count("\n")
    assert without_comments(text).split() == ["a", "b", "d"]


def test_words_in_strings_and_names_are_no_keywords() -> None:
    assert not refusal_of_expanded('x = "force $display `include"; \\force = 1; forced = 1; my$display = 2;')
    assert not refusal_of_source('x = "`include"; // `include\n/* `line */ y')
    assert refusal_of_expanded("x; $display;")
    assert refusal_of_source("x; `bogus y")


@pytest.mark.parametrize(
    "head",
    [
        '\\a" `include "/etc/passwd" //"',
        '`define include nothing\n`include "/etc/passwd"',
        '`define A `include\n`A "/etc/passwd"',
        '// \\\n`include "/etc/passwd"',
        '"/*" `include "/etc/passwd" "*/"',
        '/* // */ `include "/etc/passwd" /* */',
        "`define X \\`include",
        "\ud800",
    ],
)
def test_no_disguise_hides_a_directive(head: str) -> None:
    assert inspect_answer(f"{head}\nmodule m(input a); endmodule", "m").refusal


def test_edges_are_followed_through_instances_and_gates() -> None:
    text = (
        "module top(input ck, input en, input rn, input d, output q);\n"
        "wire g = ck & en;\nff f(g, rn, d, q);\nendmodule\n"
        "module ff(input c, input r, input d, output reg q);\n"
        "always @(posedge c or negedge r) if (!r) q <= 0; else q <= d;\nendmodule\n"
    )
    assert inspect_trusted(text, "top").edges == ("ck", "en", "rn")


def test_modules_are_renamed_and_nothing_else() -> None:
    text = (
        "module add(input add_in, output y);\nsub sub(.sub(add_in), .y(y));\nendmodule : add\n"
        "module sub(input sub, output y); endmodule"
    )
    found = rename_modules(text, {"add": "A", "sub": "B"}).split()
    assert " ".join(found) == (
        "module A (input add_in, output y); B sub(.sub(add_in), .y(y)); endmodule : A "
        "module B (input sub, output y); endmodule"
    )


def test_a_bench_says_which_parameters() -> None:
    bench = "module tb; reg [3:0] a; wire [4:0] s; add #(.N(4)) u(.a(a), .b(4'd1), .s(s)); endmodule"
    assert bench_parameters(bench, "tb", ADDER, "add", "add") == {"N": "4"}
