"""Who may do what by acls.json: frameworks, what they launch and reserve, and what operators see and do.

usage: authorization.py [FRAMEWORK] MASTER     (of a master with acls.json that asks operators who they are)
"""

import base64
import getpass
import http.client
import json
import sys
import threading
import time

from http_calls import JSON, Stream, ask, ask_event, subscribe
from plain import plain

DEADLINE = 20
CAPABILITIES = [{"type": t} for t in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")]
OPERATORS = "pqrt"


def show(name, line):
    print(f"{name}: {line}", flush=True)


def proof(who):
    return {"Authorization": "Basic " + base64.b64encode(f"{who}:right".encode()).decode()}


def info(principal, *roles, user=None, **more):
    named = {"principal": principal} if principal else {}
    return {"user": user or getpass.getuser(), "name": "n", "failover_timeout": 60, "roles": list(roles),
            "capabilities": CAPABILITIES, **named, **more}


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


# Frameworks: who may have which roles. Everybody is named by the framework alone.
ROLES = [
    (who, roles)
    for who in ("f", "g", "branch", "two", "none", "other", "")
    for roles in (["r"], ["*"], ["deep"], ["deep/er"], ["deep/er/est"], ["s"], ["r", "s"], ["r", "x", "y"], ["a/b"],
                  ["a"], ["b/c"], ["b/c/d"], ["d"], ["d/e"], ["closed"], ["closed/in"], ["closedin"], ["open"])
]


def frameworks(master):
    for who, roles in ROLES:
        stream = Stream(master, subscribe(info(who, *roles)), wait=False)
        event = stream.next_of("SUBSCRIBED", "ERROR")
        show(f"{who or 'nobody'} as {','.join(roles)}", event["type"] + plain(str(event.get("error", ""))))
        if event["type"] == "SUBSCRIBED":
            stream.framework = event["subscribed"]["framework_id"]["value"]
            stream.call("TEARDOWN")
        stream.close()
    show("one role", ask_event(master, subscribe({"user": "u", "name": "n", "principal": "f", "role": "x"})))
    again = {"user": "u", "name": "n", "principal": "f", "role": "x", "id": {"value": "known"}}
    show("a known one", ask_event(master, {**subscribe(again), "framework_id": {"value": "known"}}))
    stream = Stream(master, subscribe(info("f", "r")))
    own = {"id": {"value": stream.framework}}
    for roles in (["r", "x"], ["r", "s", "deep/er"], ["-x"]):
        update = {"framework_info": info("f", *roles, **own)}
        show(f"an update to {','.join(roles)}", stream.call("UPDATE_FRAMEWORK", update_framework=update))
    stream.call("TEARDOWN")


def is_most(event):
    resources = event["offers"]["offers"][0]["resources"]
    return any(r["name"] == "ports" for r in resources)


class Framework(Stream):
    def __init__(self, master, *about, **more):
        super().__init__(master, subscribe(info(*about, **more)))
        self.agent = None

    def accept(self, *operations):
        offer = self.next("OFFERS", wanted=is_most)["offers"]["offers"][0]
        self.agent = offer["agent_id"]
        done = [operation() if callable(operation) else operation for operation in operations]
        answer = self.call("ACCEPT", accept={
            "offer_ids": [offer["id"]], "operations": done, "filters": {"refuse_seconds": 0}})
        assert answer.startswith("202"), answer

    def task(self, name, cpus=0.1, **command):
        return {"task_id": {"value": name}, "name": name, "agent_id": self.agent,
                "resources": [scalar("cpus", cpus), scalar("mem", 32)], "command": {"value": "sleep 1000", **command}}

    def own(self, name, **command):
        """A task with an executor of its own, which never registers."""
        task = self.task(name, **command)
        task["executor"] = {"executor_id": {"value": f"e-{name}"}, "type": "CUSTOM", "command": task.pop("command")}
        return task

    def launch(self, *tasks):
        self.accept(lambda: {"type": "LAUNCH", "launch": {"task_infos": [task() for task in tasks]}})

    def group(self, *tasks):
        executor = {"executor_id": {"value": "group"}, "type": "DEFAULT", "framework_id": {"value": self.framework},
                    "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)]}
        self.accept(lambda: {"type": "LAUNCH_GROUP", "launch_group": {
            "executor": executor, "task_group": {"tasks": [task() for task in tasks]}}})

    def acknowledge(self, state):
        status = self.next("UPDATE", wanted=lambda e: e["update"]["status"]["state"] == state)["update"]["status"]
        self.call("ACKNOWLEDGE", acknowledge={k: status[k] for k in ("agent_id", "task_id", "uuid")})

    def show_refusals(self, *names):
        for name in names:
            status = self.next("UPDATE", wanted=lambda e: e["update"]["status"]["task_id"]["value"] == name)
            status = status["update"]["status"]
            show(f"task {name}", plain(" ".join(status.get(k, "") for k in ("state", "reason", "source", "message"))))

    def show_operation(self, name, operation):
        self.accept({**operation, "id": {"value": name}})
        status = self.next("UPDATE_OPERATION_STATUS")["update_operation_status"]["status"]
        show(f"operation {name}", plain(f"{status['state']} {status.get('message', '')}"))


def launches(master):
    one = Framework(master, "f", "r")
    one.launch(lambda: one.task("forbidden", user="forbidden"), lambda: one.task("too large", cpus=100),
               lambda: one.task("bad /", user="forbidden"), lambda: one.own("executor", user="forbidden"),
               lambda: one.task("both", cpus=100, user="forbidden"))
    one.show_refusals("forbidden", "too large", "bad /", "executor", "both")
    one.group(lambda: one.task("g1", user="forbidden"), lambda: one.task("g2"), lambda: one.task("g3", user="forbidden"))
    one.show_refusals("g1", "g2", "g3")
    one.call("TEARDOWN")
    for name, principal in (("of nobody", ""), ("of g", "g")):
        one = Framework(master, principal, "r", user="forbidden")
        one.launch(lambda: one.task(name))
        one.show_refusals(name)
        one.call("TEARDOWN")


def dynamic(role="r", **more):
    return {"type": "DYNAMIC", "role": role, **more}


def operations(master):
    def cpus(*stack):
        return scalar("cpus", 1, allocation_info={"role": "r"}, reservations=list(stack))

    def volume(creator, *stack):
        place = {"persistence": {"id": f"v-{creator}", "principal": creator},
                 "volume": {"mode": "RW", "container_path": "data"}}
        return scalar("disk", 64, allocation_info={"role": "r"}, reservations=list(stack), disk=place)

    mine, bare = dynamic(principal="f"), dynamic()
    disk = {**volume("f", mine)}
    disk.pop("disk")
    one = Framework(master, "f", "r")
    for name, operation in {
        "reserve": {"type": "RESERVE", "reserve": {"resources": [cpus(mine)]}},
        "reserve for below": {"type": "RESERVE", "reserve": {"resources": [cpus(mine, dynamic("r/x", principal="f"))]}},
        "unreserve": {"type": "UNRESERVE", "unreserve": {"resources": [cpus(mine)]}},
        "unreserve what nobody reserved": {"type": "UNRESERVE", "unreserve": {"resources": [cpus(bare)]}},
        "unreserve nothing": {"type": "UNRESERVE", "unreserve": {"resources": [scalar("cpus", 1)]}},
        "reserve disk": {"type": "RESERVE", "reserve": {"resources": [disk]}},
        "create": {"type": "CREATE", "create": {"volumes": [volume("f", mine)]}},
        "grow": {"type": "GROW_VOLUME", "grow_volume": {"volume": volume("f", mine), "addition": {**disk}}},
        "shrink": {"type": "SHRINK_VOLUME", "shrink_volume": {"volume": volume("f", mine), "subtract": {"value": 1}}},
        "destroy": {"type": "DESTROY", "destroy": {"volumes": [volume("f", mine)]}},
    }.items():
        one.show_operation(name, operation)
    one.call("TEARDOWN")
    two = Framework(master, "g", "r")
    for name, operation in {
        "g reserves": {"type": "RESERVE", "reserve": {"resources": [cpus(dynamic(principal="g"))]}},
        "g unreserves": {"type": "UNRESERVE", "unreserve": {"resources": [cpus(mine)]}},
        "g destroys": {"type": "DESTROY", "destroy": {"volumes": [volume("f", mine)]}},
        "g gives the disk back": {"type": "UNRESERVE", "unreserve": {"resources": [disk]}},
    }.items():
        two.show_operation(name, operation)
    two.call("TEARDOWN")


class Watcher:
    """An operator who watches: what is told."""

    def __init__(self, master, who):
        self.connection = http.client.HTTPConnection(master, timeout=60)
        self.connection.request("POST", "/master/api/v1", json.dumps({"type": "SUBSCRIBE"}), {**JSON, **proof(who)})
        self.answer = self.connection.getresponse()
        self.events = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while length := self.answer.readline():
                self.events.append(json.loads(self.answer.read(int(length))))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def told(self):
        for event in self.events:
            about = event.get(event["type"].lower(), {})
            framework = about.get("framework", about).get("framework_info")
            if framework:
                yield f"{event['type']} {framework['name']}"
            elif event["type"] == "TASK_ADDED":
                yield f"TASK_ADDED {about['task']['name']}"
            elif event["type"] == "TASK_UPDATED":
                yield f"TASK_UPDATED {about['status']['task_id']['value']} {about['status']['state']}"
            elif event["type"] == "SUBSCRIBED":
                agent = about["get_state"]["get_agents"]["agents"][0]
                yield f"SUBSCRIBED {names(agent['total_resources'])}"

    def is_told_all(self):
        """Whether it was told the end of each framework whose beginning it was told."""
        told = list(self.told())
        begun = (line.removeprefix("FRAMEWORK_ADDED ") for line in told if line.startswith("FRAMEWORK_ADDED "))
        return all(f"FRAMEWORK_REMOVED {name}" in told for name in begun)


def names(resources):
    return " ".join(sorted({f"{r['name']}({','.join(x['role'] for x in r.get('reservations', []))})" for r in resources}))


def get(master, who, path):
    return ask(master, "", {**JSON, **proof(who)}, "GET", path)


def read(master, who, path):
    connection = http.client.HTTPConnection(master, timeout=DEADLINE)
    connection.request("GET", path, None, proof(who))
    value = json.loads(connection.getresponse().read())
    connection.close()
    return value


def call(master, who, body):
    return ask(master, body, {**JSON, **proof(who)}, path="/master/api/v1")


def call_json(master, who, kind):
    connection = http.client.HTTPConnection(master, timeout=DEADLINE)
    connection.request("POST", "/master/api/v1", json.dumps({"type": kind}), {**JSON, **proof(who)})
    value = json.loads(connection.getresponse().read())
    connection.close()
    return value[kind.lower()]


def of_framework(framework):
    tasks = sorted(t["id"] for k in ("tasks", "unreachable_tasks", "completed_tasks") for t in framework[k])
    executors = sorted(e.get("executor_id", "{}") for e in framework["executors"])
    return f"{framework['name']} tasks {tasks} executors {executors}"


def documents(master, who):
    def tell(name, line):
        show(f"{who} sees {name}", line)

    for path in ("state", "frameworks"):
        state = read(master, who, f"/master/{path}")
        for kind in ("frameworks", "completed_frameworks"):
            tell(f"{kind} in /{path}", sorted(of_framework(f) for f in state[kind] if f["name"] != "n"))
    state = read(master, who, "/master/state")
    tell("keys of /state", [key for key in ("flags", "cluster") if key in state])
    for path in ("state", "state-summary", "slaves"):
        agent, = read(master, who, f"/master/{path}")["slaves"]
        tell(f"reservations in /{path}", sorted(agent["reserved_resources"]))
    for key in ("reserved", "unreserved", "used", "offered"):
        full = agent[f"{key}_resources_full"]
        full = [r for role in full.values() for r in role] if key == "reserved" else full
        tell(f"{key}_resources_full", names(full))
    summary = read(master, who, "/master/state-summary")
    tell("/state-summary", sorted((f["name"], f["TASK_RUNNING"]) for f in summary["frameworks"]))
    tell("/tasks", sorted(t["id"] for t in read(master, who, "/master/tasks")["tasks"] if t["id"] in ("runs", "waits")))
    tell("/roles", sorted(r["name"] for r in read(master, who, "/master/roles")["roles"]))
    for kind, path in {"weights": "/master/weights", "quotas": "/master/quota"}.items():
        tell(kind, get(master, who, path))
    for path in ("/master/maintenance/schedule", "/master/maintenance/status"):
        tell(path, get(master, who, path))
    agent, = call_json(master, who, "GET_AGENTS")["agents"]
    tell("GET_AGENTS", " | ".join(names(agent.get(k, [])) for k in ("total_resources", "allocated_resources", "offered_resources")))
    tell("GET_FRAMEWORKS", sorted(f["framework_info"]["name"] for f in call_json(master, who, "GET_FRAMEWORKS")["frameworks"]))
    executors = call_json(master, who, "GET_EXECUTORS")["executors"]
    tell("GET_EXECUTORS", sorted(e["executor_info"]["executor_id"]["value"] for e in executors))
    tasks = call_json(master, who, "GET_TASKS")
    tell("GET_TASKS", sorted(t["name"] for k in tasks.values() for t in k if t["name"] in ("runs", "waits")))
    state = call_json(master, who, "GET_STATE")
    tell("GET_STATE", sorted(f["framework_info"]["name"] for f in state["get_frameworks"]["frameworks"]))
    roles = call_json(master, who, "GET_ROLES").get("roles", [])
    tell("GET_ROLES", sorted(r["name"] for r in roles))
    for kind in ("GET_WEIGHTS", "GET_QUOTA", "GET_MAINTENANCE_SCHEDULE", "GET_MAINTENANCE_STATUS"):
        tell(kind, call(master, who, {"type": kind}))
    tell("the log", call(master, who, {"type": "LIST_FILES", "list_files": {"path": "/master/log"}}))
    tell("a part of it", call(master, who, {
        "type": "READ_FILE", "read_file": {"path": "/master/log", "offset": 0, "length": 0}}))
    tell("no file", call(master, who, {"type": "LIST_FILES", "list_files": {"path": "/none"}}))
    for kind in ("GET_FLAGS", "GET_HEALTH"):
        tell(kind, call(master, who, {"type": kind})[:3])
    tell("/flags", get(master, who, "/master/flags")[:3])


def decisions(master, agent, framework):
    """What q may not do, beside what nobody can."""
    mine = {"type": "DYNAMIC", "role": "r", "principal": "q"}
    cpus = scalar("cpus", 0.1, reservations=[mine])
    place = {"persistence": {"id": "x", "principal": "q"}, "volume": {"mode": "RW", "container_path": "d"}}
    disk = scalar("disk", 1, reservations=[mine])
    volume = {**disk, "disk": place}
    machine, another = {"hostname": "machine"}, {"hostname": "another"}
    window = {"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 1}}}

    def limit(role, cpus=1, **more):
        return {"quota_configs": [{"role": role, "limits": {"cpus": {"value": cpus}}, **more}]}

    def guarantee(role, cpus=1):
        return {"quota_request": {"role": role, "guarantee": [scalar("cpus", cpus)]}}

    for kind, *bodies in (
        ("teardown", {"framework_id": {"value": framework}}, {"framework_id": {"value": "none"}}),
        ("mark_agent_gone", {"agent_id": agent}, {"agent_id": {"value": "none"}}),
        ("drain_agent", {"agent_id": agent}, {"agent_id": {"value": "none"}}),
        ("deactivate_agent", {"agent_id": agent}, {"agent_id": {"value": "none"}}),
        ("reactivate_agent", {"agent_id": agent}, {"agent_id": {"value": "none"}}),
        ("update_weights", *({"weight_infos": [{"role": r, "weight": 1} for r in roles]} for roles in (
            ["mine"], ["mine/too"], ["r"], ["mine", "r"], ["-"], []))),
        ("update_quota", limit("mine"), limit("r"), limit("-"), limit("r/x"), {"quota_configs": []},
         limit("r", guarantees={"cpus": {"value": 1000}}, cpus=1000), limit("r", cpus=0.01)),
        ("set_quota", guarantee("new"), guarantee("new", 1000), guarantee("-"), guarantee("new/x"), guarantee("r")),
        ("remove_quota", {"role": "r"}, {"role": "mine"}),
        ("update_maintenance_schedule", {"schedule": {"windows": [window]}}, {"schedule": {"windows": [{**window, "machine_ids": [{}]}]}}),
        ("start_maintenance", {"machines": [machine]}, {"machines": []}, {"machines": [another]}),
        ("stop_maintenance", {"machines": [machine]}, {"machines": []}),
        ("set_logging_level", {"level": 1, "duration": {"nanoseconds": 1000}}),
        ("reserve_resources", *({"agent_id": a, "resources": r} for a, r in (
            (agent, [cpus]), ({"value": "none"}, [cpus]), (agent, [scalar("cpus", 1)]), (agent, [])))),
        ("unreserve_resources", *({"agent_id": agent, "resources": r} for r in ([cpus], []))),
        ("create_volumes", *({"agent_id": agent, "volumes": v} for v in ([volume], [], [disk]))),
        ("destroy_volumes", *({"agent_id": agent, "volumes": v} for v in ([volume], []))),
        ("grow_volume", {"agent_id": agent, "volume": volume, "addition": disk}),
        ("shrink_volume", {"agent_id": agent, "volume": volume, "subtract": {"value": 0.5}}),
    ):
        for number, body in enumerate(bodies):
            show(f"q says {kind} {number}", call(master, "q", {"type": kind.upper(), kind: body}))
    headers = proof("q")
    for method, path, body in (
        ("POST", "teardown", f"frameworkId={framework}"),
        ("PUT", "weights", '[{"role": "r", "weight": 1}]'),
        ("DELETE", "quota/r", ""),
        ("POST", "quota", json.dumps(guarantee("other")["quota_request"])),
        ("POST", "machine/down", json.dumps([machine])),
        ("POST", "machine/up", json.dumps([machine])),
        ("POST", "maintenance/schedule", json.dumps({"windows": [window]})),
        ("POST", "reserve", f"slaveId={agent['value']}&resources={json.dumps([cpus])}"),
        ("POST", "flags", ""),
    ):
        show(f"q: {method} /{path}", ask(master, body, headers, method, f"/master/{path}"))
    for path in ("state", "state-summary", "frameworks", "slaves", "tasks", "roles"):
        show(f"q: POST /{path}", ask(master, "", headers, "POST", f"/master/{path}")[:3])


def operators(master):
    watchers = {who: Watcher(master, who) for who in OPERATORS}
    one = Framework(master, "f", "r", "deep/er", **{"name": "one"})
    one.launch(lambda: one.task("runs"), lambda: one.own("waits"))
    for state in ("TASK_STARTING", "TASK_RUNNING"):
        one.acknowledge(state)
    one.call("SUPPRESS")
    wait_for(lambda: holds_nothing(master, one))
    agent = one.agent
    two = Framework(master, "g", "r", user="someone", **{"name": "two"})
    held = two.next("OFFERS", wanted=is_most)
    show("two has", names(held["offers"]["offers"][0]["resources"]))
    for body in (
        {"type": "UPDATE_WEIGHTS", "update_weights": {"weight_infos": [
            {"role": "r", "weight": 2}, {"role": "deep/er", "weight": 3}]}},
        {"type": "UPDATE_QUOTA", "update_quota": {"force": True, "quota_configs": [
            {"role": r, "limits": {"cpus": {"value": 100}}} for r in ("r", "hidden")]}},
        {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": agent, "resources": [
            scalar("cpus", 0.5, reservations=[dynamic(role, principal="p")]) for role in ("deep/er",)]}},
        {"type": "RESERVE_RESOURCES", "reserve_resources": {"agent_id": agent, "resources": [
            scalar("mem", 64, reservations=[dynamic("hidden", principal="p")])]}},
        {"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": {"schedule": {"windows": [
            {"machine_ids": [{"hostname": "machine"}], "unavailability": {"start": {"nanoseconds": 1}}}]}}},
    ):
        show(f"p says {body['type']}", call(master, "p", body))
    wait_for(lambda: "hidden" in str(read(master, "p", "/master/slaves")["slaves"][0]["reserved_resources"]))
    # Who holds what is left decides what is offered: nobody, now.
    two.call("SUPPRESS")
    wait_for(lambda: holds_nothing(master, two))
    for who in OPERATORS:
        documents(master, who)
    decisions(master, agent, one.framework)
    show("q ends what g began", call(master, "q", {"type": "TEARDOWN", "teardown": {"framework_id": {"value": two.framework}}}))
    one.call("TEARDOWN")
    # Each has a connection of its own: what one was told is on its way to another.
    wait_for(lambda: "FRAMEWORK_REMOVED one" in watchers["p"].told() and all(w.is_told_all() for w in watchers.values()))
    for who, watcher in watchers.items():
        for line in watcher.told():
            # Which of two tasks ends first is chance.
            if not line.startswith("TASK_UPDATED waits"):
                show(f"{who} is told", line)


def holds_nothing(master, stream):
    """Gives offers back until none is out."""
    while not stream.events.empty():
        stream.kept.append(stream.events.get())
    for event in [event for event in stream.kept if event["type"] == "OFFERS"]:
        stream.kept.remove(event)
        ids = [offer["id"] for offer in event["offers"]["offers"]]
        stream.call("DECLINE", decline={"offer_ids": ids, "filters": {"refuse_seconds": 1000}})
    return not read(master, "p", "/master/slaves")["slaves"][0]["offered_resources_full"]


def wait_for(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "what is waited for does not come"
        time.sleep(0.02)


def main(master):
    frameworks(master)
    launches(master)
    operations(master)
    operators(master)


if __name__ == "__main__":
    main(sys.argv[-1])
