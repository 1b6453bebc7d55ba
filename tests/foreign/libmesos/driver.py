"""The scheduler driver of the original libmesos, for tests: commands in, callbacks out."""

import queue
import re
import subprocess
import threading
import time

DEADLINE = 120
FILTERS = "refuse_seconds: 0"


def value(field, text):
    """The first `field { value: "…" }` of a message."""
    found = re.search(r"(?:^| )%s \{ value: \"([^\"]*)\" \}" % field, text)
    return found and found[1]


def plain(field, text):
    """The first `field: …` of a message, without its quotes."""
    found = re.search(r"(?:^| )%s: (\"(?:[^\"\\]|\\.)*\"|\S+)" % field, text)
    return found and found[1].strip('"')


class Driver:
    """One driver in a process of its own, and the callbacks it printed that nobody has asked for."""

    def __init__(self, program, master, info, implicit=True, credential="", suppressed=()):
        self.process = subprocess.Popen(
            [program, master], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"LIBPROCESS_IP": "127.0.0.1"})
        self.lines = queue.Queue()
        self.kept = []
        threading.Thread(target=self._read, daemon=True).start()
        self.call("start", "true" if implicit else "false", info, credential, *suppressed)

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n").split("\t"))
        self.lines.put(["ended"])

    def send(self, *fields):
        """Gives the driver a command."""
        self.process.stdin.write("\t".join(fields) + "\n")
        self.process.stdin.flush()

    def call(self, *fields):
        """A command, and what the driver's method gave."""
        self.send(*fields)
        return self.next(lambda line: line[:2] == ["called", fields[0]])[2]

    def next(self, wanted, within=DEADLINE):
        """The first line, of those kept and those to come, that is wanted. The others are kept."""
        for line in self.kept:
            if wanted(line):
                self.kept.remove(line)
                return line
        end = time.monotonic() + within
        while True:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise TimeoutError(f"what is waited for does not come; kept: {self.kept}") from None
            if wanted(line):
                return line
            if line == ["ended"]:
                raise EOFError(f"the driver ended; kept: {self.kept}")
            self.kept.append(line)

    def callback(self, name, within=DEADLINE):
        """The arguments of the first callback of this name."""
        return self.next(lambda line: line[0] == name, within)[1:]

    def status(self, task, state=None, within=DEADLINE):
        """The first update of a task (in that state)."""
        def wanted(line):
            if line[0] != "statusUpdate" or value("task_id", line[1]) != task:
                return False
            return state is None or plain("state", line[1]) == state
        return self.next(wanted, within)[1]

    def offer(self):
        """An offer of the most that the agent has left; fragments that come back after a task are declined."""
        while True:
            *_, newest = self.callback("resourceOffers")
            if 'name: "ports"' in newest and 'name: "disk"' in newest:
                return newest
            self.call("declineOffer", value("id", newest), FILTERS)

    def close(self):
        """Ends the driver as its framework's end does: without failover."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(DEADLINE)
        self.process.stdout.close()
