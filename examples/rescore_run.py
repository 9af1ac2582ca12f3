"""Score the completions of a run under another reward scheme, without sampling or judging again.

    python examples/rescore_run.py runs/first --scheme binary

Every line of a run's rollouts holds a completion and its verdict, so a new scheme costs only arithmetic.
To judge the completions again, with today's tools: `verirl verify RUN/tasks/NAME.jsonl RUN/rollouts`.
"""

import argparse
import json
from pathlib import Path

import verirl


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--scheme", default="binary")
    options = parser.parse_args()

    print("generation  completions  mean reward then  mean reward now")
    for path in sorted((options.run / "rollouts").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        verdicts = [verirl.Verdict.model_validate(row["verdict"]) for row in rows]
        before = [verdict.reward.value for verdict in verdicts if verdict.reward]
        after = [value for value in verirl.rewards(verdicts, options.scheme) if value is not None]
        if before and after:
            then, now = sum(before) / len(before), sum(after) / len(after)
            print(f"{int(path.stem):10d}  {len(rows):11d}  {then:16.3f}  {now:15.3f}")


if __name__ == "__main__":
    main()
