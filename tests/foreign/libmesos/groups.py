"""Groups of tasks, several tasks at once and several offers at once: what the driver is told of each.

usage: groups.py FRAMEWORK MASTER
"""

import re
import sys

from driver import FILTERS, Driver, plain as field, value
from plain import plain
from tasks import CPUS, MEM, SMALL, scalar

INFO = 'user: "root" name: "groups" role: "r" principal: "p"'
DISK = scalar("disk", 32)
ENOUGH = f"{CPUS} {MEM} {DISK}"


def task(name="ID", more="", resources=SMALL, agent="AGENT"):
    return (f'name: "n" task_id {{ value: "{name}" }} slave_id {{ value: "{agent}" }} {resources} '
            f'command {{ value: "true" }} {more}')


def group(*tasks, kind="type: DEFAULT", resources=ENOUGH, more="", name="e-ID"):
    wrapped = " ".join(f"tasks {{ {one} }}" for one in tasks)
    return (f'type: LAUNCH_GROUP launch_group {{ executor {{ {kind} executor_id {{ value: "{name}" }} {resources} {more} '
            f"framework_id {{ value: \"FRAMEWORK\" }} }} task_group {{ {wrapped} }} }}")


def launch(*tasks):
    return "type: LAUNCH launch { " + " ".join(f"task_infos {{ {one} }}" for one in tasks) + " }"


# Each is the text of one operation; ID, AGENT and FRAMEWORK stand for their values.
GROUPS = {
    "two launched of no id": launch(task(""), task("")),
    "an executor of no type": group(task(), kind=""),
    "an executor of unknown type": group(task(), kind="type: UNKNOWN"),
    "a default executor with a command": group(task(), more='command { value: "true" }'),
    "a custom executor without a command": group(task(), kind="type: CUSTOM"),
    "an executor of no resources": group(task(), resources=""),
    "an executor of few cpus": group(task(), resources=f"{scalar('cpus', 0.001)} {MEM} {DISK}"),
    "an executor of little memory": group(task(), resources=f"{CPUS} {scalar('mem', 1)} {DISK}"),
    "an executor without disk": group(task(), resources=SMALL),
    "an executor in a container of docker": group(task(), more='container { type: DOCKER docker { image: "i" } }'),
    "an executor with an image": group(task(), more='container { type: MESOS mesos { image { type: DOCKER docker { name: "i" } } } }'),
    "an executor of a bad id": group(task(), name="a/b"),
    "an executor of another framework": group(task()).replace("FRAMEWORK", "other"),
    "an executor without a framework": group(task()).replace('framework_id { value: "FRAMEWORK" }', ""),
    "an executor of bad resources": group(task(), resources=scalar("cpus", -1)),
    "an executor's negative grace": group(task(), more="shutdown_grace_period { nanoseconds: -1 }"),
    "a task of a bad id": group(task("a/b")),
    "a task of another agent": group(task(agent="elsewhere")),
    "a task of no resources": group(task(resources="")),
    "a task of bad resources": group(task(resources=scalar("cpus", -1))),
    "a task of too much": group(task(resources=scalar("cpus", 400))),
    "a task of another executor": group(task(more='executor { executor_id { value: "other" } type: DEFAULT }')),
    "a task in docker": group(task(more='container { type: DOCKER docker { image: "i" } }')),
    "a task with a network and an http check": group(task(
        more='container { type: MESOS network_infos { name: "n" } } health_check { type: HTTP http { port: 80 } }')),
    "a task with an http check": group(task(more='health_check { type: HTTP http { port: 80 } }')),
    "a task with a bad check": group(task(more='check { type: TCP }')),
    "a task with limits": group(task(more='limits { key: "cpus" value { value: 1 } }')),
    "one of two bad": group(task(), task("ID-b", "kill_policy { grace_period { nanoseconds: -1 } }")),
    "cgroups shared by one of two": group(
        task(), task("ID-b", "container { type: MESOS linux_info { share_cgroups: false } }")),
    "an executor that shares cgroups": group(task(), more="container { type: MESOS linux_info { share_cgroups: true } }"),
    "a task with a network": group(task(more='container { type: MESOS network_infos { name: "n" } }')),
    "a task with limits of its own": group(
        task(more='limits { key: "cpus" value { value: 1 } } container { type: MESOS linux_info { share_cgroups: false } }')),
    "one of two launched bad": launch(task("ID-a", "kill_policy { grace_period { nanoseconds: -1 } }"), task()),
    "two launched of one id": launch(task("ID"), task("ID")),
    "one of two launched of bad resources": launch(task("ID-a", resources=scalar("cpus", -1)), task()),
}


def main(framework, master):
    driver = Driver(framework, master, INFO)
    identity = field("value", driver.callback("registered")[0])

    def fill(text, unique, agent):
        for placeholder, instead in (("ID", unique), ("AGENT", agent), ("FRAMEWORK", identity)):
            text = re.sub(rf"\b{placeholder}\b", instead, text)
        return text

    for number, (name, text) in enumerate(GROUPS.items()):
        offer = driver.offer()
        unique = f"t{number}"
        text = fill(text, unique, value("slave_id", offer))
        driver.call("acceptOffers", value("id", offer), FILTERS, text)
        for task_id in re.findall(r'task_id { value: "([^"]*)"', text):
            status = driver.status(task_id)
            shown = plain(status).replace(unique, "ID") if field("state", status) == "TASK_ERROR" else "accepted"
            print(f"{name}: {shown}", flush=True)
            if "of one id" in name:
                break
    offers(driver, fill)
    driver.close()


def offers(driver, fill):
    """What is wrong with the offers themselves."""
    offer = driver.offer()
    agent, known = value("slave_id", offer), value("id", offer)
    for number, (name, ids) in enumerate({
        "an offer that is none": "none",
        "an offer twice": f"{known},{known}",
        "no offers": "",
        "a used offer": known,
    }.items()):
        unique = f"o{number}"
        driver.call("launchTasks", ids, FILTERS, fill(task(), unique, agent))
        status = driver.status(unique)
        print(f"{name}: {plain(status).replace(unique, 'ID')}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
