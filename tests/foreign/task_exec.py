"""Mesos' own command line looks at a cluster, and executes and attaches in its tasks, with a terminal and without.

usage: task_exec.py MASTER AGENT     (HOST:PORT)
Prints a line for each; the last is `all done`.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from pymesos import MesosSchedulerDriver, Scheduler

HERE = os.path.dirname(os.path.abspath(__file__))
CLI = [sys.executable, "-B", os.path.join(HERE, "mesos_cli.py")]
DEADLINE = 120
TERMINAL = dict(type="MESOS", tty_info={})
ECHO = "while read line; do echo got:$line; [ $line != end ] || exit 6; done"


def expect(what, found, wanted):
    """Says what differs, and ends."""
    if not re.fullmatch(wanted, found, re.DOTALL):
        sys.exit(f"{what}: {found!r}, and not {wanted!r}")
    print(what, flush=True)


def resources(**amounts):
    amounts = amounts or dict(cpus=0.1, mem=32)
    return [dict(name=name, type="SCALAR", scalar=dict(value=value)) for name, value in amounts.items()]


class Tasks(Scheduler):
    """Three tasks that wait: a plain one, one with a terminal, and one with a terminal in a group."""

    def __init__(self):
        self.waiting = {"plain", "terminal", "pod"}
        self.launched = False
        self.running = threading.Event()

    def resourceOffers(self, driver, offers):
        if self.launched:
            driver.declineOffer([offer["id"] for offer in offers], dict(refuse_seconds=100))
            return
        self.launched = True
        offer = offers[0]

        def task(name, command, **more):
            return dict(name=name, task_id=dict(value=name), agent_id=offer["agent_id"], resources=resources(),
                        command=dict(shell=True, value=command), **more)

        group = dict(
            executor=dict(type="DEFAULT", executor_id=dict(value="pods"), framework_id=dict(value=driver.framework_id),
                          resources=resources(cpus=0.1, mem=32, disk=32)),
            task_group=dict(tasks=[task("pod", ECHO, container=TERMINAL)]))
        launch = dict(task_infos=[task("plain", "exec sleep 1000"), task("terminal", ECHO, container=TERMINAL)])
        driver.acceptOffers([offer["id"]], [dict(type="LAUNCH", launch=launch), dict(type="LAUNCH_GROUP", launch_group=group)])

    def statusUpdate(self, driver, update):
        if update["state"] == "TASK_RUNNING":
            self.waiting.discard(update["task_id"]["value"])
        if not self.waiting:
            self.running.set()


class Cli:
    """The command line, with a home that knows the master."""

    def __init__(self, master, home):
        os.mkdir(os.path.join(home, ".mesos"))
        with open(os.path.join(home, ".mesos", "config.toml"), "w", encoding="utf-8") as config:
            config.write(f'[master]\naddress = "{master}"\n')
        self.environment = dict(os.environ, HOME=home, TERM="xterm")

    def run(self, *arguments, typed=""):
        """Without a terminal: its exit code, and what it printed."""
        done = subprocess.run(CLI + list(arguments), input=typed, capture_output=True, text=True, timeout=DEADLINE,
                              env=self.environment)
        return f"{done.returncode} {done.stdout}{done.stderr}"

    def typed(self, *arguments, then=()):
        """In a terminal of 33 rows and 77 columns: what is typed each time that a text has come."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        process = subprocess.Popen(
            CLI + list(arguments), stdin=its, stdout=its, stderr=its, env=self.environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(its)
        printed, seen, then, end = "", 0, list(then), time.monotonic() + DEADLINE
        while time.monotonic() < end:
            while then and then[0][0] in printed[seen:]:
                seen = len(printed)
                os.write(ours, then.pop(0)[1].encode())
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    read = os.read(ours, 65536)
                except OSError:  # The other end is closed.
                    break
                printed += read.decode(errors="replace")
            elif process.poll() is not None:
                break
        else:
            process.kill()
        code = process.wait()
        os.close(ours)
        return f"{code} {printed}"


def looking(cli):
    expect("agents are listed", cli.run("agent", "list"), r"0 Agent ID .*-S0 +localhost +True *\n")
    expect("tasks are listed", cli.run("task", "list"), r"0 ID .*plain +TASK_RUNNING .*")
    expect("a task is inspected", cli.run("task", "inspect", "plain"), r'0 .*"state": "TASK_RUNNING".*')
    expect("frameworks are listed", cli.run("framework", "list"), r"0 .*exec.*")


def executing(cli):
    for task in ("plain", "pod"):
        expect(f"output of {task}", cli.run("task", "exec", task, "echo", "hello"), "0 hello\n")
        expect(f"exit code in {task}", cli.run("task", "exec", task, "sh", "-c", "echo no >&2; exit 3"), "3 no\n")
        expect(f"input of {task}", cli.run("task", "exec", "-i", task, "cat", typed="some lines\nof it"), "0 some lines\nof it")
    expect("a task that is none", cli.run("task", "exec", "none", "true"), "1 Error: Unable to find running task 'none'.*")
    expect("no terminal", cli.run("task", "exec", "-t", "plain", "tty"), "1 Error: Must be running in a tty.*")
    expect("no input", cli.typed("task", "exec", "-t", "plain", "tty"), r"0 /dev/pts/\d+\s*")
    shell = cli.typed("task", "exec", "-i", "-t", "plain", "sh", then=[
        ("# ", "until [ \"$(stty size)\" = '33 77' ]; do sleep 0.1; done; echo si''zed\r"), ("sized", "exit 4\r")])
    expect("a shell of the terminal's size", shell, "4 .*sized.*")
    broken = cli.typed("task", "exec", "-it", "plain", "sh", "-c", "echo be''gun; exec sleep 1000", then=[("begun", "\x03")])
    expect("what is interrupted", broken, "130 begun.*")


def attaching(cli):
    expect("nothing to attach to", cli.run("task", "attach", "plain"), "1 Error: .*")
    expect("attached without a terminal", cli.typed("task", "attach", "plain"),
           r"1 Error: Unable to attach to a task launched without a TTY.*")
    expect("detached", cli.typed("task", "attach", "terminal", then=[("", "one\r"), ("got:one", "\x10\x11")]), "0 .*got:one.*")
    expect("attached to its end", cli.typed("task", "attach", "terminal", then=[("", "end\r")]), "0 .*got:end.*")
    expect("attached in a group", cli.typed("task", "attach", "pod", then=[("", "two\r"), ("got:two", "end\r")]), "6 .*got:two.*")


def main():
    master = sys.argv[1]
    tasks = Tasks()
    driver = MesosSchedulerDriver(tasks, dict(user="root", name="exec"), master)
    driver.start()
    if not tasks.running.wait(DEADLINE):
        sys.exit(f"not running: {tasks.waiting}")
    with tempfile.TemporaryDirectory() as home:
        cli = Cli(master, home)
        looking(cli)
        executing(cli)
        attaching(cli)
    driver.stop()
    driver.join()
    print("all done")


if __name__ == "__main__":
    main()
