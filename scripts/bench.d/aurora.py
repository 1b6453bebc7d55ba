"""What the benchmark measures of Aurora, alone and on a cluster of many agents, one function a subject."""

import json
import os
import re
import subprocess
import textwrap

JOB = """
nap = Process(name = 'nap', cmdline = 'exec sleep 1000')
task = SequentialTask(processes = [nap], resources = Resources(cpu = 0.1, ram = '{{{{profile.ram}}}}', disk = 1*MB))
class Profile(Struct):
    ram = Default(Integer, 1*MB)
many = Service(
    cluster = '{cluster}', environment = 'test', role = 'www-data', name = 'many', task = task, instances = {count},
    update_config = UpdateConfig(batch_size = 50, watch_secs = 0)).bind(profile = Profile())
jobs = [many]
"""

# A task takes a quarter of a CPU for its executor besides: twenty must fit on an agent.
PROFILE = """
[mesos-agent]
count = {agents}
resources = "cpus:16;mem:8192;disk:20480;ports:[31000-32000]"

[[mount]]
source = "."
target = "/vagrant"
"""

# Run in a node beside the client. What the scheduler counts is asked for in place of the tasks themselves, which are many.
PRELUDE = """
import os, subprocess, sys, time, urllib.request
KEY = "{cluster}/www-data/test/many"
def aurora(*words, check=True):
    done = subprocess.run(["aurora", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        sys.exit(done.stdout)
    return done.stdout
def counted(name):
    text = urllib.request.urlopen("http://aurora-scheduler:8081/vars").read().decode()
    return int(dict(line.split(" ", 1) for line in text.splitlines()).get(name, 0))
def until(count, name="task_store_RUNNING"):
    end = time.time() + 300
    while counted(name) != count:
        if time.time() > end:
            sys.exit("%s is %d after 300 s, and not %d" % (name, counted(name), count))
        time.sleep(0.1)
"""


def scheduler(report):
    """The scheduler's own program, with ZooKeeper and Mesos simulated around it and a store that was filled before."""
    command = ["cargo", "bench", "--quiet", "--package", "aurora-scheduler", "--bench", "process"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    report.seconds("start to lead, 20,000 stored tasks", found["start"], found["start_empty"], 1.0)
    report.note("its floor is the same with an empty store")
    report.amount("memory a stored task", found["memory_kb"], "KB", found["record_kb"], None)
    report.note("its floor is the task's record in Thrift's binary protocol, the configuration apart")
    # Nobody waits for longer than a minute for the next turn.
    report.rate("attempts in vain, 10,000 waiting", found["attempts_per_second"], "/s", None, 10_000 / 60)
    beside, alone = found["new_job"], found["new_job_alone"]
    report.seconds("new job launched beside them, p50", beside, alone, alone + 0.01)
    report.note("its floor is the same with nothing waiting")


def write_profile(launcher, agents):
    """The cluster's profile, where `up` finds it."""
    with open(os.path.join(launcher.folder, "devcluster.toml"), "w", encoding="utf-8") as file:
        file.write(PROFILE.format(agents=agents))


def _in_devtools(launcher, script):
    """Runs Python in the node that has the client; the figures it printed after `took`."""
    whole = (PRELUDE + textwrap.dedent(script)).replace("{cluster}", launcher.name)
    _, printed = launcher.run("ssh", "devtools", "--", "python3", "-c", whole)
    return [float(found) for found in re.findall(r"^took (\S+)$", printed, re.MULTILINE)]


def _write(launcher, count):
    with open(os.path.join(launcher.folder, "many.aurora"), "w", encoding="utf-8") as file:
        file.write(JOB.format(cluster=launcher.name, count=count))


def many_instances(launcher, report, count, agents):
    """A job of so many instances, from calling the client until all run."""
    _write(launcher, count)
    (took,) = _in_devtools(
        launcher,
        f"""
        start = time.time()
        aurora("job", "create", KEY, "/vagrant/many.aurora")
        until({count})
        print("took", time.time() - start)
        """,
    )
    report.seconds(f"{count} instances on {agents} agents", took, None, 20.0)


def update(launcher, report, count):
    """An update of so many instances, 50 at a time, from calling the client until it has rolled forward. The client's own
    `--wait` looks every five seconds only."""
    _write(launcher, count)
    (took,) = _in_devtools(
        launcher,
        f"""
        aurora("job", "killall", "--no-batching", KEY)
        until(0)
        aurora("job", "create", KEY, "/vagrant/many.aurora")
        until({count})
        start = time.time()
        aurora("update", "start", KEY, "/vagrant/many.aurora", "--bind", "profile.ram=2097152")
        until(1, "update_transition_ROLLED_FORWARD")
        print("took", time.time() - start)
        """,
    )
    report.seconds(f"update of {count} instances", took, None, None)
