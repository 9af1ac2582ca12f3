"""How long the command line takes to answer: median seconds of `verirl --help`, as a new process each time.

    python bench/startup.py [--runs 15]

Beside it stands a Python that imports click and nothing else: the least that any command line on click takes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    ours = [sys.executable, "-m", "verirl", "--help"]
    least = [sys.executable, "-c", "import click"]
    # In turns, so that whatever else the machine does falls on both alike; the first of each warms the disk.
    pairs = [(seconds(ours), seconds(least)) for _ in range(runs + 1)][1:]
    help_s = statistics.median(pair[0] for pair in pairs)
    click_s = statistics.median(pair[1] for pair in pairs)
    print(f"verirl --help     {help_s:.3f} s (median of {runs})")
    print(f"import click      {click_s:.3f} s")
    print(f"ratio             {help_s / click_s:.2f}")


if __name__ == "__main__":
    main()
