"""Judge answers and turn the verdicts into rewards."""

import verirl


def main() -> None:
    verdict = verirl.verify("math", r"Half of 7 is \boxed{3.5}.", {"answer": "7/2"})
    print("passed:", verdict.passed)
    for stage in verdict.stages:
        print(f"  {stage.name:<12} {stage.status:<8} {stage.score:.2f}")

    answers = [r"\boxed{\frac{7}{2}}", r"\boxed{3}", "It is 3.5."]
    verdicts = verirl.verify_many("math", answers, {"answer": "7/2"})
    for scheme in ("binary", "lexicographic"):
        print(f"{scheme:<14}", [f"{value:.3f}" for value in verirl.rewards(verdicts, scheme)])

    program = "```python\ndef double(x):\n    return x + x\n```"
    spec = {
        "entry_point": "double",
        "tests": [{"input": [2], "expected": 4}, {"input": [-1], "expected": -2}],
    }
    print("code passed:", verirl.verify("code", program, spec).passed)


if __name__ == "__main__":
    main()
