"""Measures devcluster against its budgets. Called by scripts/bench, which builds the programs first.

usage: bench.py FOLDER [--only PART …] [--rounds N] [--no-cold] [--strict]
"""

import argparse
import contextlib
import os
import sys
import tempfile

import aurora
import measures
import mesos
from report import Report

PARTS = ("launcher", "mesos", "aurora")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="measures devcluster against its budgets")
    parser.add_argument("folder", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often `up` and `down` are measured (5)")
    parser.add_argument("--no-cold", action="store_true", help="leave out what removes and makes images (two minutes)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a budget is broken")
    arguments = parser.parse_args()
    program = os.path.abspath(os.path.join(arguments.folder, "devcluster"))
    report = Report()
    if "mesos" in arguments.only:
        of_mesos(program, os.path.join(os.path.dirname(program), "mesos-load"), report)
    if "launcher" in arguments.only:
        of_launcher(program, report, arguments)
    if "aurora" in arguments.only:
        of_aurora(program, report)
    if report.broken:
        print("over budget: " + ", ".join(report.broken))
    return 1 if arguments.strict and report.broken else 0


def of_mesos(program, load, report):
    """The Mesos tier alone, as processes of this host."""
    mesos.start_and_rest(program, load, report)
    mesos.real_tasks(program, load, report, agents=3, count=200, budget=150)
    mesos.real_tasks(program, load, report, agents=20, count=10_000, budget=None)
    mesos.many_agents(program, load, report)


def of_aurora(program, report):
    """The scheduler alone, and jobs on a cluster of 50 agents on Docker."""
    aurora.scheduler(report)
    with clusters(program) as launcher:
        aurora.write_profile(launcher, agents=50)
        launcher.run("up")
        aurora.many_instances(launcher, report, count=1000, agents=50)
        aurora.update(launcher, report, count=200)


@contextlib.contextmanager
def clusters(program):
    """A launcher in a folder of its own; whatever it brought up is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="devcluster-bench-") as folder:
        # Tasks run as www-data and read their files here.
        os.chmod(folder, 0o755)
        launcher = measures.Launcher(program, folder, f"bench{os.getpid()}")
        try:
            yield launcher
        finally:
            launcher.run("down", check=False)


def of_launcher(program, report, arguments):
    """Clusters on Docker."""
    with clusters(program) as launcher:
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


if __name__ == "__main__":
    sys.exit(main())
