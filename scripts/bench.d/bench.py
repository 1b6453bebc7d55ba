"""Measures devcluster against its budgets. Called by scripts/bench, which builds the program first.

usage: bench.py PROGRAM [--rounds N] [--no-cold] [--strict]
"""

import argparse
import os
import sys
import tempfile

import measures
from report import Report


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="measures devcluster against its budgets")
    parser.add_argument("program", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often `up` and `down` are measured (5)")
    parser.add_argument("--no-cold", action="store_true", help="leave out what removes and makes images (two minutes)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a budget is broken")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="devcluster-bench-") as folder:
        # Tasks run as www-data and read their files here.
        os.chmod(folder, 0o755)
        launcher = measures.Launcher(os.path.abspath(arguments.program), folder, f"bench{os.getpid()}")
        report = Report()
        try:
            launcher.run("up")
            measures.status(launcher, report, arguments.rounds)
            measures.jobs(launcher, report)
            launcher.run("down")
            launcher.run("up")
            measures.memory(launcher, report)
            launcher.run("down")
            up_floor = measures.warm(launcher, report, arguments.rounds)
            measures.disk(report)
            measures.changed_binary(launcher, report, up_floor)
            if not arguments.no_cold:
                measures.cold(launcher, report, up_floor)
        finally:
            launcher.run("down", check=False)
    if report.broken:
        print("over budget: " + ", ".join(report.broken))
    return 1 if arguments.strict and report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
