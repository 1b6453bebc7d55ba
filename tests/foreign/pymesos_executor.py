"""An executor on pymesos: its task runs until the framework says how it ends."""

import threading

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Told(Executor):
    """Ends its task with the first message, and sends that back."""

    def __init__(self):
        self.task = None

    def launchTask(self, driver, task):
        self.task = task
        whole = decode_data(task["data"]) == b"the task's data"
        self.say(driver, "TASK_RUNNING" if whole else "TASK_FAILED", "")

    def say(self, driver, state, message):
        driver.sendStatusUpdate(dict(task_id=self.task["task_id"], state=state, message=message))

    def frameworkMessage(self, driver, message):
        text = decode_data(message).decode()
        driver.sendFrameworkMessage(encode_data(text.encode()))
        self.say(driver, "TASK_FINISHED", f"its executor was told `{text}`")


def main():
    driver = MesosExecutorDriver(Told())
    # It is the agent that ends it, when the framework is gone.
    driver.start()
    driver.join()
    threading.Event().wait(0)


if __name__ == "__main__":
    main()
