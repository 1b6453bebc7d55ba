"""A framework on pymesos: three command tasks and a custom executor, each driven to its end.

usage: pymesos_framework.py MASTER AGENT     (HOST:PORT)
Prints a line for every end, sorted by nothing.
"""

import os
import sys
import threading

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

HERE = os.path.dirname(os.path.abspath(__file__))
ENDS = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR")
COMMANDS = {"command": "true", "failing": "exit 3", "killed": "exec sleep 1000"}


def resources():
    return [dict(name=name, type="SCALAR", scalar=dict(value=value)) for name, value in (("cpus", 0.1), ("mem", 32))]


class Framework(Scheduler):
    """Launches everything in the first offer."""

    def __init__(self):
        self.open = {*COMMANDS, "custom", "reconciled", "message"}
        self.done = threading.Event()
        self.launched = False
        self.agent = None

    def over(self, what, line):
        """Prints a thing's end, once."""
        if what in self.open:
            self.open.remove(what)
            print(line, flush=True)
        if not self.open:
            self.done.set()

    def resourceOffers(self, driver, offers):
        if self.launched:
            driver.declineOffer([offer["id"] for offer in offers], dict(refuse_seconds=100))
            return
        self.launched = True
        offer = offers[0]
        self.agent = offer["agent_id"]
        tasks = [
            dict(
                name=name,
                task_id=dict(value=name),
                agent_id=self.agent,
                resources=resources(),
                command=dict(shell=True, value=value),
            )
            for name, value in COMMANDS.items()
        ]
        executor = dict(
            executor_id=dict(value="own"),
            type="CUSTOM",
            command=dict(shell=True, value=f"exec {sys.executable} -B {HERE}/pymesos_executor.py"),
            resources=resources(),
        )
        tasks.append(
            dict(
                name="custom",
                task_id=dict(value="custom"),
                agent_id=self.agent,
                resources=resources(),
                executor=executor,
                data=encode_data(b"the task's data"),
            )
        )
        driver.launchTasks(offer["id"], tasks, dict(refuse_seconds=0))

    def statusUpdate(self, driver, update):
        task, state = update["task_id"]["value"], update["state"]
        if update.get("reason") == "REASON_RECONCILIATION":
            self.over("reconciled", f"reconciled {state} of {task}")
            driver.killTask(dict(value=task))
        elif task == "killed" and state == "TASK_RUNNING":
            driver.reconcileTasks([dict(task_id=dict(value=task), agent_id=self.agent)])
        elif task == "custom" and state == "TASK_RUNNING":
            driver.sendFrameworkMessage(dict(value="own"), self.agent, encode_data(b"finish"))
        elif state in ENDS:
            self.over(task, f"{task} {state} {update.get('message', '')}")

    def frameworkMessage(self, driver, executor, agent, message):
        self.over("message", f"executor answered `{decode_data(message).decode()}`")

    def error(self, driver, message):
        print("error", message, flush=True)
        self.done.set()


def main():
    framework = Framework()
    info = dict(user="root", name="pymesos", checkpoint=True)
    driver = MesosSchedulerDriver(framework, info, sys.argv[1])
    driver.start()
    over = framework.done.wait(300)
    driver.stop()
    driver.join()
    sys.exit(0 if over else f"still open: {framework.open}")


if __name__ == "__main__":
    main()
