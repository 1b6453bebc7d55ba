"""What the benchmark measures, one function a subject. Each adds rows to the report and leaves nothing behind."""

import json
import os
import re
import shutil
import statistics
import subprocess
import time

import engine
from floor import Floor

IMAGE_LABEL = "devcluster.image"
JOBS = 20

JOB = """
nap = Process(name = 'nap', cmdline = 'exec sleep 1000')
task = SequentialTask(processes = [nap], resources = Resources(cpu = 0.1, ram = 16*MB, disk = 16*MB))
jobs = [Service(cluster = '%(cluster)s', environment = 'test', role = 'www-data', name = 'nap%(number)d', task = task)]
"""


class Launcher:
    """The program under test, with a cluster of a name that occurs nowhere else."""

    def __init__(self, program, folder, name):
        self.program, self.folder, self.name = program, folder, name

    def run(self, verb, *arguments, program=None, check=True):
        """Runs a verb on the cluster; answers the seconds it took and what it printed."""
        command = [program or self.program, verb, "--name", self.name, *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DEVCLUSTER_")}
        start = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        took = time.monotonic() - start
        if check and done.returncode != 0:
            raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return took, done.stdout


def warm(launcher, report, rounds):
    """`up` and `down` with every image there, and the floor of both, by turns so that the machine's moods hit both alike."""
    ups, downs, floor_ups, floor_downs = [], [], [], []
    launcher.run("up")
    floor = Floor(launcher.name, launcher.name.replace("bench", "floor"))
    launcher.run("down")
    try:
        for _ in range(rounds):
            floor_ups.append(floor.up())
            floor_downs.append(floor.down())
            ups.append(launcher.run("up")[0])
            downs.append(launcher.run("down")[0])
    finally:
        floor.down()
    up_floor, down_floor = statistics.median(floor_ups), statistics.median(floor_downs)
    report.seconds(f"warm up, {len(floor)} containers", statistics.median(ups), up_floor, 1.5 * up_floor)
    report.seconds("down", statistics.median(downs), down_floor, 1.2 * down_floor)
    return up_floor


def changed_binary(launcher, report, up_floor):
    """`up` after the product changed by a byte: every image gets a new last layer."""
    changed = os.path.join(launcher.folder, "devcluster")
    shutil.copy(launcher.program, changed)
    with open(changed, "ab") as program:
        program.write(b"\n")
    try:
        took, _ = launcher.run("up", program=changed)
    finally:
        launcher.run("down", program=changed)
        os.remove(changed)
    report.seconds("up, only the binary changed", took, up_floor, 3.0)


def cold(launcher, report, up_floor):
    """`up` with the base alone, and with no image at all. What was there is built again by the way."""
    for what, keep, budget in (("cold up, base present", {"root", "base"}, 45.0), ("cold up, no image", set(), 90.0)):
        remove_images(keep)
        try:
            took, _ = launcher.run("up")
        finally:
            launcher.run("down")
        report.seconds(what, took, up_floor, budget)


def own_images():
    """The engine's images that the launcher made."""
    return engine.ask("GET", "/images/json?" + engine.query(label=IMAGE_LABEL))


def remove_images(keep):
    """Removes the launcher's images, but for some kinds; the engine removes the steps that they were built from as well."""
    for _ in range(5):
        doomed = [image for image in own_images() if image["Labels"][IMAGE_LABEL] not in keep]
        if not doomed:
            break
        for image in doomed:
            for name in image["RepoTags"] or [image["Id"]]:
                engine.ask("DELETE", f"/images/{name}?force=true", allow=(404, 409))


def disk(report):
    """All the images together, each layer once."""
    layers = {}
    for image in own_images():
        chain = engine.ask("GET", f"/images/{image['Id']}/json")["RootFS"]["Layers"]
        sizes = [step["Size"] for step in reversed(engine.ask("GET", f"/images/{image['Id']}/history"))]
        # The history has the steps without a layer, too: those are the ones of no size.
        sizes = [size for size in sizes if size > 0]
        for depth, size in enumerate(sizes, 1):
            layers[tuple(chain[:depth])] = size
    report.amount("images on disk", sum(layers.values()) / 1e6, "MB", None, 900.0)


def memory(launcher, report):
    """What each idle node keeps, as `docker stats` shows it: without what the kernel would give back at once."""
    nodes = {}
    for container in engine.containers(launcher.name):
        stats = engine.ask("GET", f"/containers/{container['Id']}/stats?stream=false&one-shot=true")["memory_stats"]
        idle = stats["stats"].get("total_inactive_file", stats["stats"].get("inactive_file", 0))
        nodes[container["Name"].removeprefix(f"/{launcher.name}-")] = (stats["usage"] - idle) / 1e6
    report.amount("idle memory, all nodes", sum(nodes.values()), "MB", None, 150.0)
    agents = [size for name, size in nodes.items() if name.startswith("mesos-agent")]
    report.amount("idle memory, an agent's node", statistics.median(agents), "MB", None, 8.0)
    report.note("by node: " + ", ".join(f"{name} {size:.1f}" for name, size in sorted(nodes.items())))


def status(launcher, report, rounds):
    """`status` beside one question to the engine."""
    asks = []
    for _ in range(rounds):
        start = time.monotonic()
        engine.ask("GET", "/containers/json?all=true&" + engine.query(name=f"^/{launcher.name}-"))
        asks.append(time.monotonic() - start)
    took = statistics.median(launcher.run("status")[0] for _ in range(rounds))
    report.seconds("status", took, statistics.median(asks), 0.05 + statistics.median(asks))


def jobs(launcher, report):
    """From calling `aurora job create` in a node to RUNNING, as the scheduler's own events date it."""
    cluster = launcher.name
    for number in range(JOBS):
        with open(os.path.join(launcher.folder, f"nap{number}.aurora"), "w", encoding="utf-8") as file:
            file.write(JOB % {"cluster": cluster, "number": number})
    script = f"""
        import json, subprocess, time
        def aurora(*words):
            return subprocess.run(["aurora", *words], capture_output=True, text=True)
        for number in range({JOBS}):
            key = "{cluster}/www-data/test/nap%d" % number
            called = time.time()
            created = aurora("job", "create", key, "/vagrant/nap%d.aurora" % number)
            assert created.returncode == 0, created.stderr
            until = time.time() + 30
            running = []
            while not running and time.time() < until:
                jobs = json.loads(aurora("job", "status", key, "--write-json").stdout)
                events = [event for job in jobs for task in job["active"] for event in task["taskEvents"]]
                running = [event["timestamp"] for event in events if event["status"] == "RUNNING"]
            assert running, "not RUNNING within 30 s"
            pending = min(event["timestamp"] for event in events)
            print("took", min(running) / 1000 - called, (min(running) - pending) / 1000)
            aurora("job", "killall", key)
    """
    lines = [line[8:] for line in script.splitlines()]
    _, printed = launcher.run("ssh", "devtools", "--", "python3", "-c", "\n".join(lines))
    pairs = [tuple(map(float, found)) for found in re.findall(r"^took (\S+) (\S+)", printed, re.MULTILINE)]
    _, printed = launcher.run("ssh", "devtools", "--", "python3", "-c", IMPORTING)
    importing = float(json.loads(printed))
    whole, placed = (statistics.median(column) for column in zip(*pairs))
    report.seconds(f"job create to RUNNING, p50 of {len(pairs)}", whole, importing, 0.3)
    report.note(f"p99 {sorted(whole for whole, _ in pairs)[len(pairs) * 99 // 100]:.3f} s")
    report.note(f"of that, from PENDING to RUNNING: {placed:.3f} s; its floor is a Python that imports pystachio and ends")


IMPORTING = """
import json, statistics, subprocess, sys, time
def once():
    start = time.time()
    subprocess.run([sys.executable, "-c", "import pystachio"], check=True)
    return time.time() - start
print(json.dumps(statistics.median(once() for _ in range(5))))
"""
