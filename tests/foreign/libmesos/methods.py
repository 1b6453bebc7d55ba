"""Every method of the driver, and the callbacks that follow: a line each.

usage: methods.py FRAMEWORK MASTER
"""

import re
import sys
import urllib.parse
import urllib.request

from driver import DEADLINE, FILTERS, Driver, plain as field, value
from plain import plain
from tasks import SMALL, scalar

WHO = 'user: "root" name: "methods" principal: "p" checkpoint: true failover_timeout: 60'
INFO = f"{WHO} roles: \"r\" roles: \"s\" capabilities {{ type: MULTI_ROLE }} capabilities {{ type: RESERVATION_REFINEMENT }}"
RESERVED = 'reservations { type: DYNAMIC role: "r" principal: "p" } allocation_info { role: "r" }'
VOLUME = ('disk { persistence { id: "v" principal: "p" } volume { mode: RW container_path: "data" } }')


def show(name, text):
    print(f"{name}: {plain(text)}", flush=True)


def task(name, agent, command, resources=SMALL):
    return (f'name: "{name}" task_id {{ value: "{name}" }} slave_id {{ value: "{agent}" }} {resources} '
            f'command {{ value: "{command}" }}')


def amounts(offer):
    """What an offer holds, in no order."""
    found = re.findall(r'name: "(\w+)" type: SCALAR scalar \{ value: ([\d.]+) \}((?: (?!resources|url)\S+)*)', offer)
    return sorted(" ".join((name, amount, "reserved" if "reservations" in rest else "", "volume" if "persistence" in rest else ""))
                  .strip() for name, amount, rest in found)


class Methods:
    def __init__(self, program, master):
        self.program, self.master = program, master

    def offer(self, role="r"):
        """An offer to a role; those to others are declined for good."""
        while True:
            for offer in self.driver.callback("resourceOffers"):
                if f'allocation_info {{ role: "{role}" }}' in offer:
                    self.agent = value("slave_id", offer)
                    return offer
                self.driver.call("declineOffer", value("id", offer), "refuse_seconds: 1000")

    def call(self, name, *fields):
        show(name, self.driver.call(name, *fields))

    def status(self, task, state):
        status = self.driver.status(task, state)
        show(f"{task} is", status)
        return status

    def run(self):
        self.driver = Driver(self.program, self.master, INFO, implicit=False)
        identity, about = self.driver.callback("registered")
        self.framework = field("value", identity)
        show("registered", f"{identity} {about}")
        offer = self.offer()
        show("offered", " ".join(amounts(offer)))
        show("offered by", offer[:offer.index("resources")] + offer[offer.index("url {"):])
        self.acknowledging(offer)
        self.killing()
        self.reserving()
        self.reconciling()
        self.quiet()
        self.updating()
        self.failing_over()

    def acknowledging(self, offer):
        """Nothing more is said of a task until what was said is acknowledged."""
        self.call("launchTask", value("id", offer), FILTERS, task("first", self.agent, "true"))
        starting = self.status("first", "TASK_STARTING")
        self.call("acknowledgeStatusUpdate", starting)
        for state in ("TASK_RUNNING", "TASK_FINISHED"):
            self.call("acknowledgeStatusUpdate", self.status("first", state))

    def launch(self, name, command):
        offer = self.offer()
        self.driver.call("launchTasks", value("id", offer), FILTERS, task(name, self.agent, command))
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            self.driver.call("acknowledgeStatusUpdate", self.driver.status(name, state))

    def killing(self):
        self.launch("killed", "exec sleep 1000")
        self.call("killTask", 'value: "killed"')
        self.call("acknowledgeStatusUpdate", self.status("killed", "TASK_KILLED"))
        self.call("killTask", 'value: "unknown"')
        self.status("unknown", "TASK_LOST")
        self.call("sendFrameworkMessage", 'value: "nobody"', f'value: "{self.agent}"', "hello")

    def reserving(self):
        """Reservations and volumes are made, used and unmade."""
        held = f'resources {{ name: "disk" type: SCALAR scalar {{ value: 64 }} {RESERVED} }}'
        volume = f'{{ name: "disk" type: SCALAR scalar {{ value: 64 }} {RESERVED} {VOLUME} }}'
        whole = self.whole()
        self.call("acceptOffers", value("id", whole), FILTERS,
                  f"type: RESERVE reserve {{ {held} }}", f"type: CREATE create {{ volumes {volume} }}",
                  f'type: LAUNCH launch {{ task_infos {{ {task("kept", self.agent, "echo x >> data/x", SMALL + " resources " + volume)} }} }}')
        for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
            self.driver.call("acknowledgeStatusUpdate", self.driver.status("kept", state))
        offer = self.whole("volume")
        show("after it", " ".join(amounts(offer)))
        self.call("acceptOffers", value("id", offer), FILTERS,
                  f"type: DESTROY destroy {{ volumes {volume} }}", f"type: UNRESERVE unreserve {{ {held} }}")
        last = self.whole("disk 4096")
        show("at last", " ".join(amounts(last)))
        self.call("declineOffer", value("id", last), FILTERS)

    def whole(self, wanted="cpus 4"):
        """An offer of all there is."""
        while True:
            offer = self.offer()
            found = amounts(offer)
            if any(a.startswith("cpus 4") for a in found) and any(wanted in a for a in found):
                return offer
            self.driver.call("declineOffer", value("id", offer), FILTERS)

    def reconciling(self):
        self.launch("long", "exec sleep 1000")
        self.call("reconcileTasks")
        self.status("long", "TASK_RUNNING")
        self.call("reconcileTasks", f'task_id {{ value: "long" }} state: TASK_LOST slave_id {{ value: "{self.agent}" }}')
        self.status("long", "TASK_RUNNING")
        self.call("reconcileTasks", 'task_id { value: "none" } state: TASK_RUNNING')
        self.status("none", "TASK_LOST")

    def quiet(self):
        """Nothing is offered to what wants nothing, and all again when it wants."""
        self.call("suppressOffers", "r")
        self.call("suppressOffers")
        for _, *offers in [line for line in self.driver.kept if line[0] == "resourceOffers"]:
            for offer in offers:
                self.driver.call("declineOffer", value("id", offer), FILTERS)
        self.driver.kept = [line for line in self.driver.kept if line[0] != "resourceOffers"]
        self.driver.call("requestResources", f'slave_id {{ value: "{self.agent}" }} {scalar("cpus", 1)}')
        self.call("reviveOffers", "r")
        self.call("declineOffer", value("id", self.offer()), FILTERS)
        self.call("reviveOffers")

    def end(self):
        """Ends the framework for good: a driver that exits with its process may not have said so any more."""
        form = urllib.parse.urlencode({"frameworkId": self.framework}).encode()
        urllib.request.urlopen(f"http://{self.master}/master/teardown", form, timeout=DEADLINE).close()
        self.driver.close()

    def updating(self):
        changed = INFO.replace('roles: "s"', 'roles: "t"').replace('name: "methods"', 'name: "changed"')
        self.call("updateFramework", f'{changed} id {{ value: "{self.framework}" }}', "")
        self.call("declineOffer", value("id", self.offer("t")), FILTERS)
        self.call("updateFramework", f'{changed.replace("root", "other")} id {{ value: "{self.framework}" }}', "")
        show("refused", self.driver.callback("error")[0])

    def failing_over(self):
        """The task goes on without its framework, and under the next one."""
        changed = INFO.replace('name: "methods"', 'name: "changed"')
        self.end()
        again = f'{changed} id {{ value: "{self.framework}" }}'
        self.driver = Driver(self.program, self.master, again, implicit=True)
        line = self.driver.next(lambda line: line[0] in ("registered", "reregistered", "error"))
        show("after the end", " ".join(line))
        self.driver.close()
        self.driver = Driver(self.program, self.master, INFO, implicit=True)
        self.framework = field("value", self.driver.callback("registered")[0])
        again = f'{changed} id {{ value: "{self.framework}" }}'
        offer = self.offer()
        self.driver.call("launchTasks", value("id", offer), FILTERS, task("left", self.agent, "exec sleep 1000"))
        self.driver.status("left", "TASK_RUNNING")
        self.call("stop", "true")
        show("joined", self.driver.callback("joined")[0])
        first = self.driver
        self.driver = Driver(self.program, self.master, again, implicit=True)
        show("registered", " ".join(self.driver.callback("registered")))
        self.call("reconcileTasks", f'task_id {{ value: "left" }} state: TASK_RUNNING slave_id {{ value: "{self.agent}" }}')
        # What was not acknowledged before is said again as well.
        show("left is", self.driver.next(lambda line: line[0] == "statusUpdate" and "Reconciliation" in line[1])[1])
        first.close()
        second = self.driver
        self.driver = Driver(self.program, self.master, again, implicit=True)
        show("registered beside it", " ".join(self.driver.callback("registered")))
        show("the other is told", second.callback("error")[0])
        show("the other joined", second.callback("joined")[0])
        second.close()
        self.call("killTask", 'value: "left"')
        self.status("left", "TASK_KILLED")
        self.call("abort")
        self.call("reviveOffers")
        show("aborted", self.driver.callback("joined")[0])
        self.end()


if __name__ == "__main__":
    Methods(*sys.argv[1:]).run()
