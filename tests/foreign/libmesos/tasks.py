"""Tasks that a master refuses: what the driver is told of each.

usage: tasks.py FRAMEWORK MASTER
"""

import re
import sys

from driver import FILTERS, Driver, plain as field, value
from plain import plain

INFO = 'user: "root" name: "tasks" role: "r" principal: "p"'


def scalar(name, amount, more='role: "*"'):
    return f'resources {{ name: "{name}" type: SCALAR scalar {{ value: {amount} }} {more} }}'


CPUS = scalar("cpus", 0.1)
MEM = scalar("mem", 32)
SMALL = f"{CPUS} {MEM}"
COMMAND = 'command { value: "true" }'
NAMED = 'name: "n" task_id { value: "ID" } slave_id { value: "AGENT" }'


def executor(more=COMMAND, name="e-ID", resources="", framework='framework_id { value: "FRAMEWORK" }'):
    return f'executor {{ executor_id {{ value: "{name}" }} {framework} {more} {resources} }}'


def command(more):
    return f"{NAMED} {SMALL} command {{ value: \"true\" {more} }}"


def container(more, kind="MESOS"):
    return f"{NAMED} {SMALL} {COMMAND} container {{ type: {kind} {more} }}"


def disk(more, name="disk", role='role: "*"'):
    return f"{NAMED} {SMALL} {COMMAND} {scalar(name, 32, role + ' disk { ' + more + ' }')}"


def with_(more):
    return f"{NAMED} {SMALL} {COMMAND} {more}"


def health(more):
    return with_(f"health_check {{ {more} }}")


def check(more):
    return with_(f"check {{ {more} }}")


def default(more="", resources="", task=""):
    return f"{NAMED} {SMALL} " + executor(f"type: DEFAULT {more}", resources=resources) + task


LONG = "x" * 256
# Each is the text of a TaskInfo; ID, AGENT and FRAMEWORK stand for their values.
TASKS = {
    "no resources": f"{NAMED} {COMMAND}",
    "neither command nor executor": f"{NAMED} {SMALL}",
    "command and executor": f"{NAMED} {SMALL} {COMMAND} {executor()}",
    "id with a slash": NAMED.replace("ID", "a/b") + f" {SMALL} {COMMAND}",
    "id of a dot": NAMED.replace("ID", ".") + f" {SMALL} {COMMAND}",
    "id of two dots": NAMED.replace("ID", "..") + f" {SMALL} {COMMAND}",
    "id with a backslash": NAMED.replace("ID", r"a\\b") + f" {SMALL} {COMMAND}",
    "id with a line's end": NAMED.replace("ID", r"a\nb") + f" {SMALL} {COMMAND}",
    "id with a space": NAMED.replace("ID", "a b") + f" {SMALL} {COMMAND} kill_policy {{ grace_period {{ nanoseconds: -1 }} }}",
    "id too long": NAMED.replace("ID", LONG) + f" {SMALL} {COMMAND}",
    "id empty": NAMED.replace("ID", "") + f" {SMALL} {COMMAND}",
    "another agent": NAMED.replace("AGENT", "elsewhere") + f" {SMALL} {COMMAND}",
    "an empty agent": NAMED.replace("AGENT", "") + f" {SMALL} {COMMAND}",
    "more cpus than offered": f"{NAMED} {scalar('cpus', 400)} {MEM} {COMMAND}",
    "a resource that is not there": f"{NAMED} {SMALL} {scalar('gpus', 1)} {COMMAND}",
    "ports that are not there": with_('resources { name: "ports" type: RANGES ranges { range { begin: 1 end: 2 } } role: "*" }'),
    "ports that overlap": with_(
        'resources { name: "ports" type: RANGES ranges { range { begin: 31000 end: 31002 }'
        ' range { begin: 31001 end: 31003 } } role: "*" }'),
    "ports from high to low": with_('resources { name: "ports" type: RANGES ranges { range { begin: 31002 end: 31000 } } role: "*" }'),
    "ports that are empty": with_('resources { name: "ports" type: RANGES ranges { } role: "*" }'),
    "a scalar of ranges": with_('resources { name: "mem2" type: SCALAR ranges { range { begin: 1 end: 2 } } role: "*" }'),
    "a set twice the same": with_('resources { name: "s" type: SET set { item: "a" item: "a" } role: "*" }'),
    "a negative amount": f"{NAMED} {scalar('cpus', -1)} {MEM} {COMMAND}",
    "an amount of zero": f"{NAMED} {scalar('cpus', 0)} {MEM} {COMMAND}",
    "an amount that is not a number": f"{NAMED} {scalar('cpus', 'nan')} {MEM} {COMMAND}",
    "an infinite amount": f"{NAMED} {scalar('cpus', 'inf')} {MEM} {COMMAND}",
    "an unnamed resource": with_(scalar("", 1)),
    "a role that cannot be": with_(scalar("cpus", 0.1, 'role: "a b"')),
    "a role with a dash before": with_(scalar("cpus", 0.1, 'role: "-a"')),
    "another's reservation": with_(scalar("cpus", 0.1, 'role: "other"')),
    "a dynamic reservation of no role": with_(scalar("cpus", 0.1, 'role: "*" reservation { principal: "p" }')),
    "a reservation in the new form": with_(scalar("cpus", 0.1, 'reservations { type: DYNAMIC role: "r" }')),
    "a reservation in both forms": with_(scalar("cpus", 0.1, 'role: "r" reservation { } reservations { type: DYNAMIC role: "r" }')),
    "a reservation without a type": with_(scalar("cpus", 0.1, 'reservations { role: "r" }')),
    "a reservation without a role": with_(scalar("cpus", 0.1, 'reservations { type: STATIC }')),
    "a static reservation on another": with_(scalar(
        "cpus", 0.1, 'reservations { type: DYNAMIC role: "r" } reservations { type: STATIC role: "r/a" }')),
    "a refinement beside its role": with_(scalar(
        "cpus", 0.1, 'reservations { type: STATIC role: "r" } reservations { type: DYNAMIC role: "s" }')),
    "the allocation of another role": with_(scalar("cpus", 0.1, 'role: "*" allocation_info { role: "s" }')),
    "revocable and not": with_(scalar("cpus", 0.1, 'role: "*" revocable { }')),
    "revocable with a reservation": f"{NAMED} {MEM} {COMMAND} " + scalar("cpus", 0.1, 'role: "r" revocable { } reservation { }'),
    "shared cpus": with_(scalar("cpus", 0.1, 'role: "*" shared { }')),
    "disk information on cpus": disk('persistence { id: "v" } volume { mode: RW container_path: "p" }', name="cpus"),
    "a volume without a role": disk('persistence { id: "v" } volume { mode: RW container_path: "p" }'),
    "a volume that is not there": disk(
        'persistence { id: "v" } volume { mode: RW container_path: "p" }', role='role: "r" reservation { }'),
    "a volume with no place": disk('persistence { id: "v" }', role='role: "r" reservation { }'),
    "a volume of no id": disk('volume { mode: RW container_path: "p" }'),
    "a volume with a host path": disk(
        'persistence { id: "v" } volume { mode: RW container_path: "p" host_path: "/h" }', role='role: "r" reservation { }'),
    "a volume that is read only": disk(
        'persistence { id: "v" } volume { mode: RO container_path: "p" }', role='role: "r" reservation { }'),
    "a volume of a bad id": disk(
        'persistence { id: "a/b" } volume { mode: RW container_path: "p" }', role='role: "r" reservation { }'),
    "an empty source": disk('source { type: PATH }'),
    "disk of a mount": disk('source { type: MOUNT mount { root: "/m" } }'),
    "nothing in a disk": disk(''),
    "the same volume twice": f"{NAMED} {SMALL} {COMMAND} " + 2 * (scalar(
        "disk", 1, 'role: "r" reservation { } disk { persistence { id: "v" } volume { mode: RW container_path: "p" } } ')),
    "a limit below its request": with_('limits { key: "cpus" value { value: 0.05 } }'),
    "a limit of what cannot be limited": with_('limits { key: "disk" value { value: 50 } }'),
    "a limit of no number": with_('limits { key: "mem" value { value: nan } }'),
    "a limit with an executor": f'{NAMED} {SMALL} {executor()} limits {{ key: "cpus" value {{ value: 1 }} }}',
    "a negative grace": with_("kill_policy { grace_period { nanoseconds: -1 } }"),
    "a negative completion time": with_("max_completion_time { nanoseconds: -1 }"),
    "a health check of no type": health(""),
    "a health check of unknown type": health("type: UNKNOWN"),
    "a command check without a command": health("type: COMMAND"),
    "a command check of an empty command": health("type: COMMAND command { }"),
    "a command check of a shell without a value": health("type: COMMAND command { shell: true arguments: \"a\" }"),
    "a command check of no shell and no value": health("type: COMMAND command { shell: false }"),
    "an http check without http": health("type: HTTP"),
    "an http check of another scheme": health('type: HTTP http { port: 80 scheme: "ftp" }'),
    "an http check of a path": health('type: HTTP http { port: 80 path: "a" }'),
    "an http check of a port": health('type: HTTP http { port: 80000 }'),
    "a tcp check without tcp": health("type: TCP"),
    "a negative delay": health("type: TCP tcp { port: 1 } delay_seconds: -1"),
    "a negative grace of a check": health("type: TCP tcp { port: 1 } grace_period_seconds: -1"),
    "a negative interval": health("type: TCP tcp { port: 1 } interval_seconds: -1"),
    "a negative timeout": health("type: TCP tcp { port: 1 } timeout_seconds: -1"),
    "a health check's bad environment": health(
        'type: COMMAND command { value: "true" environment { variables { name: "A" type: SECRET value: "x" } } }'),
    "a check of no type": check(""),
    "a check of unknown type": check("type: UNKNOWN"),
    "a check without its command": check("type: COMMAND"),
    "a check without its http": check("type: HTTP"),
    "a check without its tcp": check("type: TCP"),
    "a check of a path without a slash": check('type: HTTP http { port: 80 path: "a" }'),
    "a check of a shell without a value": check('type: COMMAND command { command { arguments: "a" } }'),
    "a check of a negative delay": check("type: TCP tcp { port: 1 } delay_seconds: -1"),
    "a check of a negative interval": check("type: TCP tcp { port: 1 } interval_seconds: -1"),
    "a check of a negative timeout": check("type: TCP tcp { port: 1 } timeout_seconds: -1"),
    "a shell without a value": f"{NAMED} {SMALL} command {{ shell: true }}",
    "no shell and no value": f"{NAMED} {SMALL} command {{ shell: false }}",
    "a variable of no value": command('environment { variables { name: "A" } }'),
    "a variable of both": command('environment { variables { name: "A" value: "x" secret { type: VALUE value { data: "y" } } } }'),
    "a secret with a value": command('environment { variables { name: "A" type: SECRET value: "x" } }'),
    "a secret of no kind": command('environment { variables { name: "A" type: SECRET secret { } } }'),
    "a secret with a null": command(r'environment { variables { name: "A" type: SECRET secret { type: VALUE value { data: "a\000b" } } } }'),
    "a secret without its value": command('environment { variables { name: "A" type: SECRET secret { type: VALUE } } }'),
    "a secret without its reference": command('environment { variables { name: "A" type: SECRET secret { type: REFERENCE } } }'),
    "a secret of both kinds": command(
        'environment { variables { name: "A" type: SECRET secret { type: VALUE value { data: "a" } reference { name: "r" } } } }'),
    "a value that has a secret": command('environment { variables { name: "A" type: VALUE secret { type: VALUE value { data: "a" } } } }'),
    "a variable of unknown type": command('environment { variables { name: "A" type: UNKNOWN value: "x" } }'),
    "a container of docker without docker": container("", "DOCKER"),
    "a container of mesos with docker": container('docker { image: "i" }'),
    "a docker container with an image of mesos": container('docker { image: "i" } mesos { }', "DOCKER"),
    "a volume of a container without a place": container('volumes { mode: RW container_path: "" }'),
    "a volume with host and source": container(
        'volumes { mode: RW container_path: "/c" host_path: "/h" source { type: HOST_PATH host_path { path: "/h" } } }'),
    "a volume with image and host": container('volumes { mode: RW container_path: "/c" host_path: "/h" image { type: DOCKER docker { name: "i" } } }'),
    "a volume's source without it": container('volumes { mode: RW container_path: "/c" source { type: HOST_PATH } }'),
    "a volume's docker source without it": container('volumes { mode: RW container_path: "/c" source { type: DOCKER_VOLUME } }'),
    "a volume's sandbox source without it": container('volumes { mode: RW container_path: "/c" source { type: SANDBOX_PATH } }'),
    "a volume's secret source without it": container('volumes { mode: RW container_path: "/c" source { type: SECRET } }'),
    "a volume's sandbox of unknown type": container('volumes { mode: RW container_path: "/c" source { type: SANDBOX_PATH sandbox_path { path: "a" } } }'),
    "a volume's source of unknown type": container('volumes { mode: RW container_path: "/c" source { type: UNKNOWN } }'),
    "an image without its docker": container("mesos { image { type: DOCKER } }"),
    "an image without its appc": container("mesos { image { type: APPC } }"),
    "two networks of one name": container('network_infos { name: "a" } network_infos { name: "a" }'),
    "the host's network with an address": container('network_infos { ip_addresses { ip_address: "not" } }'),
    "port mappings of no network": container("network_infos { port_mappings { host_port: 1 container_port: 2 } }"),
    "a terminal with a docker container": container('docker { image: "i" } tty_info { }', "DOCKER"),
    "seccomp twice": container('linux_info { seccomp { profile_name: "p" unconfined: true } }'),
    "seccomp of nothing": container('linux_info { seccomp { } }'),
    "capabilities in both forms": container(
        "linux_info { capability_info { capabilities: CHOWN } effective_capabilities { capabilities: CHOWN } }"),
    "a limit of resources that is above": container("rlimit_info { rlimits { type: RLMT_CORE soft: 2 hard: 1 } }"),
    "a limit of resources that is half": container("rlimit_info { rlimits { type: RLMT_CORE soft: 2 } }"),
    "a limit of resources of no type": container("rlimit_info { rlimits { soft: 1 hard: 1 } }"),
    "cgroups of its own": container("linux_info { share_cgroups: false }"),
    "an executor's shared cgroups": f"{NAMED} {SMALL} " + executor(
        f"{COMMAND} container {{ type: MESOS linux_info {{ share_cgroups: true }} }}"),
    "a limit without a request": f'{NAMED} {MEM} {COMMAND} limits {{ key: "cpus" value {{ value: 1 }} }}',
    "a docker container's name": container('docker { image: "i" parameters { key: "name" value: "n" } }', "DOCKER"),
    "a volume of csi without it": container('volumes { mode: RW container_path: "/c" source { type: CSI_VOLUME } }'),
    "a path on a mount": disk('source { type: MOUNT path { root: "/m" } }'),
    "a mount on a path": disk('source { type: PATH mount { root: "/m" } }'),
    "a disk of unknown source": disk('source { type: UNKNOWN }'),
    "a shared disk that is no volume": with_(scalar("disk", 1, 'role: "*" shared { }')),
    "a typed reservation in the older form": with_(scalar("cpus", 0.1, 'role: "r" reservation { type: DYNAMIC }')),
    "a role's reservation in the older form": with_(scalar("cpus", 0.1, 'role: "r" reservation { role: "r" }')),
    "the star reserved": with_(scalar("cpus", 0.1, 'reservations { type: STATIC role: "*" }')),
    "a reservation with another role beside": with_(scalar("cpus", 0.1, 'role: "s" reservations { type: STATIC role: "r" }')),
    "a reservation with half of the older form": with_(scalar("cpus", 0.1, 'role: "r" reservations { type: DYNAMIC role: "r" }')),
    "a static reservation with the older form": with_(scalar(
        "cpus", 0.1, 'role: "r" reservation { } reservations { type: STATIC role: "r" }')),
    "two reservations with a role": with_(scalar(
        "cpus", 0.1, 'role: "r" reservations { type: STATIC role: "r" } reservations { type: DYNAMIC role: "r/a" }')),
    "a reservation of another principal beside": with_(scalar(
        "cpus", 0.1, 'role: "r" reservation { principal: "p" } reservations { type: DYNAMIC role: "r" principal: "q" }')),
    "a reservation of other labels beside": with_(scalar(
        "cpus", 0.1, 'role: "r" reservation { labels { labels { key: "a" value: "b" } } } reservations { type: DYNAMIC role: "r" }')),
    "a volume twice in task and executor": f"{NAMED} {SMALL} " + scalar(
        "disk", 1, 'role: "r" reservation { } disk { persistence { id: "v" } volume { mode: RW container_path: "p" } } ') + executor(
        resources=scalar("disk", 1, 'role: "r" reservation { } disk { persistence { id: "v" } volume { mode: RW container_path: "p" } } ')),
    "revocable in the executor only": f"{NAMED} {SMALL} " + executor(resources=scalar("cpus", 0.1, 'role: "*" revocable { }')),
    "half a gpu": with_(scalar("gpus", 0.5)),
    "an executor of another framework": f"{NAMED} {SMALL} " + executor(framework='framework_id { value: "other" }'),
    "an executor without a command": f"{NAMED} {SMALL} " + executor(""),
    "an executor of custom type without a command": f"{NAMED} {SMALL} " + executor("type: CUSTOM"),
    "an executor of unknown type": f"{NAMED} {SMALL} " + executor(f"type: UNKNOWN {COMMAND}"),
    "an executor id with a slash": f"{NAMED} {SMALL} " + executor(name="a/b"),
    "an executor id of nothing": f"{NAMED} {SMALL} " + executor(name=""),
    "an executor id too long": f"{NAMED} {SMALL} " + executor(name=LONG),
    "an executor's negative grace": f"{NAMED} {SMALL} " + executor(f"{COMMAND} shutdown_grace_period {{ nanoseconds: -1 }}"),
    "an executor's bad variable": f"{NAMED} {SMALL} " + executor('command { value: "true" environment { variables { name: "A" } } }'),
    "an executor's bad resources": f"{NAMED} {SMALL} " + executor(resources=scalar("cpus", -1)),
    "an executor's many resources": f"{NAMED} {SMALL} " + executor(resources=scalar("cpus", 400)),
    "an executor's shell without a value": f"{NAMED} {SMALL} " + executor("command { shell: true }"),
    "a default executor with a command": f"{NAMED} {SMALL} " + executor(f"type: DEFAULT {COMMAND}"),
    "a default executor in launch": default(),
    "a default executor with a docker container": default('container { type: DOCKER docker { image: "i" } }'),
    "a default executor with an image": default('container { type: MESOS mesos { image { type: DOCKER docker { name: "i" } } } }'),
    "an executor with a docker container without docker": f"{NAMED} {SMALL} " + executor(f"{COMMAND} container {{ type: DOCKER }}"),
    "a task in a container beside an executor": f"{NAMED} {SMALL} {executor()} container {{ type: DOCKER }}",
}


def main(framework, master):
    driver = Driver(framework, master, INFO)
    identity = field("value", driver.callback("registered")[0])
    for number, (name, text) in enumerate(TASKS.items()):
        offer = driver.offer()
        unique = f"t{number}"
        for placeholder, instead in (("ID", unique), ("AGENT", value("slave_id", offer)), ("FRAMEWORK", identity)):
            text = re.sub(rf"\b{placeholder}\b", instead, text)
        task = re.search(r'task_id { value: "([^"]*)"', text)[1]
        driver.call("launchTasks", value("id", offer), FILTERS, text)
        status = driver.status(task)
        if field("state", status) == "TASK_ERROR":
            print(f"{name}: {plain(status).replace(unique, 'ID')}", flush=True)
        else:
            # It ends by itself; what its agent says of it is another matter.
            print(f"{name}: accepted", flush=True)
    driver.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
