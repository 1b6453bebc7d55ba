"""What the benchmark measures of the Mesos tier alone, one function a subject."""

import subprocess
import tempfile
import time

from local import Mesos, get, memory_mb, until

# How long after the last event they are at rest.
REST_S = 2
EACH_AGENT = "cpus:50;mem:20000;disk:20000;ports:[31000-32000]"


def process_floor(program, count):
    """Tasks a second of a launcher that did nothing but start an executor's program and a shell, as many at once as fit."""
    start = time.monotonic()
    script = f'seq {count} | xargs -P "$(nproc)" -I% sh -c \'"$0" --version >/dev/null; sh -c true\' "$1"'
    subprocess.run(["sh", "-c", script, "sh", program], check=True)
    return count / (time.monotonic() - start)


def _mesos(program, load):
    return Mesos(program, load, tempfile.mkdtemp(prefix="devcluster-bench-mesos-"))


def start_and_rest(program, load, report):
    """How soon a master and its agents are there, and what they hold at rest."""
    with _mesos(program, load) as mesos:
        report.amount("mesos-master healthy after", mesos.master_healthy_after * 1000, "ms", None, 80)
        times = []
        for count in range(1, 4):
            start = time.monotonic()
            agent = mesos.agent(EACH_AGENT)
            until("the agent is registered", lambda: mesos.active() == count)
            times.append(time.monotonic() - start)
        report.amount("mesos-agent registered after", sorted(times)[1] * 1000, "ms", None, 50)
        time.sleep(REST_S)
        for name, process, budget in (("mesos-master", mesos.master, 15), ("mesos-agent", agent, 8)):
            rss, pss = memory_mb(process)
            report.amount(f"{name} at rest, resident", rss, "MB", None, budget)
            report.note(f"of which {pss:.1f} MB are its own share (PSS)")


def real_tasks(program, load, report, agents, count, budget):
    """Tasks that are real processes, on real agents."""
    floor = process_floor(program, min(count, 1000))
    with _mesos(program, load) as mesos:
        for _ in range(agents):
            mesos.agent(EACH_AGENT)
        until("the agents are registered", lambda: mesos.active() == agents)
        one_by_one, _ = mesos.load("tasks", "--count=20", "--at-once=1")
        if budget:
            report.seconds("launch to RUNNING, idle, p50", one_by_one["running_p50"], None, 0.1)
        measured, _ = mesos.load("tasks", f"--count={count}")
        _tasks(report, f"{count} tasks on {agents} agents", measured, floor, budget)


def _tasks(report, what, measured, floor, budget):
    report.rate(what, measured["tasks_per_second"], "tasks/s", floor, budget)
    report.note(
        f"to RUNNING p50 {measured['running_p50']:.3f} s, p99 {measured['running_p99']:.3f} s; "
        f"{measured['updates_per_second']:.0f} updates/s, {measured['offers_per_second']:.0f} offers/s; "
        f"not finished: {measured['failed'] or 'none'}"
    )


def many_agents(program, load, report):
    """A master with 1,000 simulated agents, and its documents with 5,000 running tasks."""
    with _mesos(program, load) as mesos:
        registered, _ = mesos.load("agents", "--count=1000", hold=True)
        report.seconds("1,000 simulated agents registered", registered["seconds"], None, None)
        rss, _ = memory_mb(mesos.master)
        report.amount("mesos-master with 1,000 agents", rss, "MB", None, None)
        measured, _ = mesos.load("tasks", "--count=10000")
        _tasks(report, "10,000 tasks on them", measured, None, None)
        mesos.load("tasks", "--count=5000", "--command=sleep 1000", "--hold", hold=True)
        start = time.monotonic()
        status, body = get(mesos.port, "/state")
        if status != 200:
            raise SystemExit(f"/state answers {status}")
        report.seconds("/state with 5,000 tasks", time.monotonic() - start, None, None)
        report.note(f"{len(body) / 1e6:.1f} MB")
