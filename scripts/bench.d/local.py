"""Mesos on this host without Docker: a master and agents as plain processes, for what the containers would only blur."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time

DEADLINE_S = 60


def free_port():
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, question):
    """Asks every two milliseconds until the answer is true; returns it."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        try:
            answer = question()
        except OSError:
            answer = None
        if answer:
            return answer
        time.sleep(0.002)
    raise SystemExit(f"not within {DEADLINE_S} s: {what}")


def get(port, path):
    """The status and the bytes of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def metric(port, name):
    """One figure of `/metrics/snapshot`."""
    return json.loads(get(port, "/metrics/snapshot")[1]).get(name)


class Mesos:
    """A master and its agents in a folder; leaving the context ends and removes them all."""

    def __init__(self, program, load, folder):
        self._load, self._folder = load, folder
        self._processes = []
        self._names = os.path.join(folder, "bin")
        os.makedirs(self._names)
        for name in ("mesos-master", "mesos-agent", "mesos-executor"):
            os.symlink(program, os.path.join(self._names, name))
        self.port = free_port()
        self.master_started = time.monotonic()
        self.master = self._start(
            "mesos-master", f"--port={self.port}", f"--work_dir={folder}/master", "--agent_ping_timeout=3secs"
        )
        until("the master is healthy", lambda: get(self.port, "/health")[0] == 200)
        self.master_healthy_after = time.monotonic() - self.master_started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, name, *flags):
        with open(os.path.join(self._folder, f"{name}.log"), "ab") as log:
            process = subprocess.Popen(
                [os.path.join(self._names, name), "--ip=127.0.0.1", *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def agent(self, resources):
        """Starts an agent; answers its process."""
        number = len(self._processes)
        return self._start(
            "mesos-agent",
            "--port=0",
            f"--master=127.0.0.1:{self.port}",
            f"--work_dir={self._folder}/agent{number}",
            f"--runtime_dir={self._folder}/run{number}",
            f"--resources={resources}",
            f"--launcher_dir={self._names}",
            "--registration_backoff_factor=10ms",
        )

    def active(self):
        """How many agents are registered."""
        return metric(self.port, "master/slaves_active")

    def load(self, verb, *arguments, hold=False):
        """Runs `mesos-load`; answers what it printed and, where it holds, the running program."""
        command = [self._load, verb, f"--master=127.0.0.1:{self.port}", *arguments]
        if not hold:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
            return json.loads(done.stdout), None
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._processes.append(process)
        return json.loads(process.stdout.readline() or "{}"), process


def memory_mb(process):
    """Resident memory of a process in MB: all of it, and its share where pages are shared."""
    with open(f"/proc/{process.pid}/smaps_rollup") as rollup:
        fields = dict(line.split(":", 1) for line in rollup if line[0].isupper())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("Rss", "Pss"))
