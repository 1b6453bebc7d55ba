"""The scheduler API over raw HTTP: what a master answers to calls good and bad.

usage: http_calls.py [FRAMEWORK] MASTER     (the driver's program is not needed)
"""

import http.client
import json
import queue
import re
import sys
import threading

from plain import plain

DEADLINE = 120
PATH = "/master/api/v1/scheduler"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
INFO = {"user": "u", "name": "http", "roles": ["r"], "capabilities": [{"type": "MULTI_ROLE"}], "principal": "p"}


def ask(master, body, headers=JSON, method="POST", path=PATH):
    """One answer: status, the headers that matter, body."""
    connection = http.client.HTTPConnection(master, timeout=DEADLINE)
    connection.request(method, path, body if isinstance(body, (bytes, str)) else json.dumps(body), headers)
    answer = connection.getresponse()
    shown = [f"{name}: {answer.headers[name]}" for name in ("Content-Type", "Allow", "WWW-Authenticate")
             if answer.headers[name]]
    text = answer.read().decode(errors="replace")
    connection.close()
    return plain(" ".join([str(answer.status), *shown, text]))


class Stream:
    """A subscription: its events in order."""

    def __init__(self, master, call, headers=JSON, wait=True):
        self.master = master
        self.connection = http.client.HTTPConnection(master, timeout=DEADLINE)
        self.connection.request("POST", PATH, json.dumps(call), headers)
        self.answer = self.connection.getresponse()
        self.id = self.answer.headers["Mesos-Stream-Id"]
        self.events = queue.Queue()
        self.kept = []
        threading.Thread(target=self._read, daemon=True).start()
        self.framework = None
        if wait and self.answer.status == 200:
            self.subscribed = self.next("SUBSCRIBED")
            self.framework = self.subscribed["subscribed"]["framework_id"]["value"]

    def _read(self):
        try:
            while length := self.answer.readline():
                self.events.put(json.loads(self.answer.read(int(length))))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.events.put({"type": "ENDED"})

    def next(self, kind, within=DEADLINE, wanted=lambda event: True):
        """The first event of a kind, of those kept and those to come. The others are kept."""
        for event in self.kept:
            if event["type"] == kind and wanted(event):
                self.kept.remove(event)
                return event
        while True:
            try:
                event = self.events.get(timeout=within)
            except queue.Empty:
                raise TimeoutError(f"{kind} does not come; kept: {self.kept}") from None
            if event["type"] == kind and wanted(event):
                return event
            if event["type"] == "ENDED":
                raise EOFError(f"the stream ended before {kind}: {self.kept}")
            self.kept.append(event)

    def next_of(self, *kinds):
        """The first event, which is of one of these kinds."""
        event = self.events.get(timeout=20)
        assert event["type"] in kinds, event
        return event

    def call(self, kind, headers=None, **fields):
        call = {"framework_id": {"value": self.framework}, "type": kind, **fields}
        return ask(self.master, call, {**JSON, "Mesos-Stream-Id": self.id, **(headers or {})})

    def close(self):
        self.connection.close()


def subscribe(info=INFO, **more):
    return {"type": "SUBSCRIBE", "subscribe": {"framework_info": info, **more}}


def main(master):
    def show(name, line):
        print(f"{name}: {line}", flush=True)

    whole = json.dumps(subscribe())
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        show(method, ask(master, "", {}, method))
    for name, headers in {
        "no content type": {"Accept": "application/json"},
        "no accept": {"Content-Type": "application/json"},
        "another content type": {"Content-Type": "text/plain", "Accept": "application/json"},
        "a content type with a charset": {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"},
        "another accept": {"Content-Type": "application/json", "Accept": "text/html"},
        "a wild accept": {"Content-Type": "application/json", "Accept": "*/*"},
        "an accept of quality zero": {"Content-Type": "application/json", "Accept": "application/json;q=0"},
        "protobuf that is json": {"Content-Type": "application/x-protobuf", "Accept": "application/json"},
        "recordio as content": {"Content-Type": "application/recordio", "Accept": "application/json"},
        "recordio accepted": {"Content-Type": "application/json", "Accept": "application/recordio"},
        "a stream id": {**JSON, "Mesos-Stream-Id": "x"},
    }.items():
        body = '{"type": "SUBSCRIBE"}' if "accept" not in name else '{"type": "TEARDOWN"}'
        show(name, ask(master, body, headers))
    stream = Stream(master, subscribe({"user": "u", "name": "n"}), {"Content-Type": "application/json"})
    show("subscribing with no accept", f"{stream.answer.status} {stream.answer.headers['Content-Type']}")
    stream.call("TEARDOWN")
    stream.close()
    for name, headers in {
        "subscribing with another accept": {"Content-Type": "application/json", "Accept": "text/html"},
        "subscribing with a stream id": {**JSON, "Mesos-Stream-Id": "x"},
    }.items():
        show(name, ask(master, whole, headers))
    for name, body in {
        "nothing": "",
        "no json": "{",
        "a list": "[]",
        "a word": "word",
        "more than json": "{} {",
        "no quotes": '{type: "TEARDOWN"}',
        "a value missing": '{"type": }',
        "a line of it missing": '{\n"type" "TEARDOWN"}',
        "a number of letters": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n", "failover_timeout": "x"}}}',
        "a boolean of letters": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n", "checkpoint": "x"}}}',
        "a list for one": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": ["u"], "name": "n"}}}',
        "one for a list": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n", "roles": "r"}}}',
        "a number": "1",
        "no type": "{}",
        "a type of a number": '{"type": 1}',
        "a type of an unknown name": '{"type": "DANCE"}',
        "a wrong field": '{"type": "SUBSCRIBE", "subscribe": 1}',
        "a wrong inner field": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": 1, "name": "n"}}}',
        "an unknown field": '{"type": "TEARDOWN", "x": 1}',
        "bad base64": '{"type": "MESSAGE", "framework_id": {"value": "x"}, "message": {"agent_id": {"value": "a"}, '
                      '"executor_id": {"value": "e"}, "data": "%%%"}}',
        "no subscribe": '{"type": "SUBSCRIBE"}',
        "no framework info": '{"type": "SUBSCRIBE", "subscribe": {}}',
        "no user": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "n"}}}',
        "no name": '{"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "n"}}}',
        "another framework id": '{"type": "SUBSCRIBE", "framework_id": {"value": "x"}, '
                                '"subscribe": {"framework_info": {"user": "u", "name": "n"}}}',
        "a framework id only without": '{"type": "SUBSCRIBE", '
                                       '"subscribe": {"framework_info": {"user": "u", "name": "n", "id": {"value": "x"}}}}',
        "no framework id": '{"type": "TEARDOWN"}',
        "an unknown framework": '{"type": "TEARDOWN", "framework_id": {"value": "x"}}',
        "the unknown type": '{"type": "UNKNOWN", "framework_id": {"value": "x"}}',
    }.items():
        show(name, ask(master, body))
    show("no framework id with a stream", ask(master, '{"type": "TEARDOWN"}', {**JSON, "Mesos-Stream-Id": "x"}))
    show("an unknown framework with a stream", ask(
        master, '{"type": "TEARDOWN", "framework_id": {"value": "x"}}', {**JSON, "Mesos-Stream-Id": "x"}))
    for kind in ("ACCEPT", "DECLINE", "ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS", "REVIVE", "SUPPRESS", "KILL",
                 "SHUTDOWN", "ACKNOWLEDGE", "ACKNOWLEDGE_OPERATION_STATUS", "RECONCILE", "RECONCILE_OPERATIONS",
                 "MESSAGE", "REQUEST", "UPDATE_FRAMEWORK"):
        show(f"{kind} of an unknown framework", ask(master, {"type": kind, "framework_id": {"value": "x"}}))
    for name, info in {
        "roles and role": {**INFO, "role": "a"},
        "a bad role": {**INFO, "roles": ["a b"]},
        "a role twice": {**INFO, "roles": ["a", "a"]},
    }.items():
        show(name, ask_event(master, subscribe(info)))
    show("a suppressed role of others", ask_event(master, subscribe(suppressed_roles=["q"])))
    known(master, show)


def ask_event(master, call):
    """The first event where a subscription is refused, or the answer."""
    connection = http.client.HTTPConnection(master, timeout=DEADLINE)
    connection.request("POST", PATH, json.dumps(call), JSON)
    answer = connection.getresponse()
    try:
        length = answer.readline()
        return plain(f"{answer.status} {length.decode().strip()} " + (
            answer.read(int(length)).decode() if length.strip().isdigit() else answer.read().decode()))
    finally:
        connection.close()


def shape(event):
    return plain(json.dumps(event, sort_keys=True))


def known(master, show):
    stream = Stream(master, subscribe({**INFO, "failover_timeout": 60}))
    show("subscribed", shape(stream.subscribed))
    show("its headers", " ".join(f"{n}={stream.answer.headers[n]}" for n in ("Content-Type", "Transfer-Encoding")))
    show("a heartbeat", shape(stream.next("HEARTBEAT")))
    framework = stream.framework
    own = {"framework_id": {"value": framework}}
    show("no stream id", ask(master, {**own, "type": "REVIVE"}))
    show("a wrong stream id", stream.call("REVIVE", {"Mesos-Stream-Id": "x"}))
    for kind in ("ACCEPT", "DECLINE", "ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS", "KILL", "SHUTDOWN", "ACKNOWLEDGE",
                 "ACKNOWLEDGE_OPERATION_STATUS", "RECONCILE", "RECONCILE_OPERATIONS", "MESSAGE", "REQUEST",
                 "UPDATE_FRAMEWORK"):
        show(f"{kind} of nothing", stream.call(kind))
    for kind, fields in {
        "ACCEPT": {"accept": {}},
        "DECLINE": {"decline": {}},
        "ACCEPT_INVERSE_OFFERS": {"accept_inverse_offers": {}},
        "DECLINE_INVERSE_OFFERS": {"decline_inverse_offers": {}},
        "KILL": {"kill": {}},
        "SHUTDOWN": {"shutdown": {}},
        "ACKNOWLEDGE": {"acknowledge": {}},
        "ACKNOWLEDGE_OPERATION_STATUS": {"acknowledge_operation_status": {}},
        "MESSAGE": {"message": {}},
        "UPDATE_FRAMEWORK": {"update_framework": {}},
        "RECONCILE_OPERATIONS": {"reconcile_operations": {"operations": [{}]}},
        "RECONCILE": {"reconcile": {"tasks": [{}]}},
        "REQUEST": {"request": {}},
    }.items():
        show(f"{kind} of something empty", stream.call(kind, **{k: v for k, v in fields.items()}))
    agent, executor = {"agent_id": {"value": "a"}}, {"executor_id": {"value": "e"}}
    for name, kind, fields in (
        ("a uuid that is none", "ACKNOWLEDGE", {"acknowledge": {**agent, "task_id": {"value": "t"}, "uuid": "YQ=="}}),
        ("a uuid", "ACKNOWLEDGE", {"acknowledge": {**agent, "task_id": {"value": "t"}, "uuid": "AAAAAAAAAAAAAAAAAAAAAA=="}}),
        ("an operation's uuid that is none", "ACKNOWLEDGE_OPERATION_STATUS",
         {"acknowledge_operation_status": {**agent, "operation_id": {"value": "t"}, "uuid": "YQ=="}}),
        ("an operation's uuid without an agent", "ACKNOWLEDGE_OPERATION_STATUS",
         {"acknowledge_operation_status": {"operation_id": {"value": "t"}, "uuid": "AAAAAAAAAAAAAAAAAAAAAA=="}}),
        ("offers that are none", "ACCEPT", {"accept": {"offer_ids": [{"value": "o"}]}}),
        ("declining offers that are none", "DECLINE", {"decline": {"offer_ids": [{"value": "o"}]}}),
        ("a task that is none", "KILL", {"kill": {"task_id": {"value": "none"}}}),
        ("an executor that is none", "SHUTDOWN", {"shutdown": {**agent, **executor}}),
        ("a message to nobody", "MESSAGE", {"message": {**agent, **executor, "data": "YQ=="}}),
        ("a request", "REQUEST", {"request": {"requests": [{"resources": []}]}}),
        ("reviving a role", "REVIVE", {"revive": {"roles": ["r"]}}),
        ("reviving a role of others", "REVIVE", {"revive": {"roles": ["q"]}}),
        ("suppressing a role of others", "SUPPRESS", {"suppress": {"roles": ["q"]}}),
        ("reviving a role that cannot be", "REVIVE", {"revive": {"roles": ["-q"]}}),
        ("suppressing a role that cannot be", "SUPPRESS", {"suppress": {"roles": ["-q"]}}),
        ("suppressing", "SUPPRESS", {}),
        ("no operations to reconcile", "RECONCILE_OPERATIONS", {"reconcile_operations": {}}),
        ("an operation to reconcile", "RECONCILE_OPERATIONS",
         {"reconcile_operations": {"operations": [{"operation_id": {"value": "o"}}]}}),
        ("an operation of an agent to reconcile", "RECONCILE_OPERATIONS",
         {"reconcile_operations": {"operations": [{"operation_id": {"value": "o"}, **agent}]}}),
        ("an update of another", "UPDATE_FRAMEWORK", {"update_framework": {"framework_info": {**INFO, "id": {"value": "x"}}}}),
        ("an update of no id", "UPDATE_FRAMEWORK", {"update_framework": {"framework_info": INFO}}),
        ("an update of the user", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "user": "other", "failover_timeout": 60}}}),
        ("an update of the principal", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "principal": "other", "failover_timeout": 60}}}),
        ("an update of checkpointing", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "checkpoint": True, "failover_timeout": 60}}}),
        ("an update to a bad role", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "roles": ["-r"], "failover_timeout": 60}}}),
        ("an update with a suppressed role", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "failover_timeout": 60}, "suppressed_roles": ["q"]}}),
        ("an update", "UPDATE_FRAMEWORK",
         {"update_framework": {"framework_info": {**INFO, "id": {"value": framework}, "name": "new", "failover_timeout": 60}}}),
    ):
        show(name, stream.call(kind, **fields))
    for name, task in {
        "a task to reconcile": {"task_id": {"value": "t"}},
        "a task of an agent to reconcile": {"task_id": {"value": "t"}, "agent_id": {"value": "a"}},
        "a task of a state to reconcile": {"task_id": {"value": "t"}, "state": "TASK_RUNNING"},
    }.items():
        show(name, stream.call("RECONCILE", reconcile={"tasks": [task]}))
        show(name, re.sub(r'"timestamp": [\d.e+]+', '"timestamp": N', shape(stream.next("UPDATE"))))
    again = Stream(master, {**subscribe({**INFO, "failover_timeout": 60, "id": {"value": framework}}), **own})
    show("again", shape(again.subscribed))
    show("the first is told", shape(first_end(stream)))
    show("the first's stream id", stream.call("REVIVE"))
    show("again as another", ask_event(
        master, {**subscribe({**INFO, "failover_timeout": 60, "id": {"value": framework}, "principal": "q"}), **own}))
    show("teardown", again.call("TEARDOWN"))
    show("after its end", first_end(again) and "ended")
    show("a call after its end", again.call("REVIVE"))
    show("subscribing after its end", ask_event(
        master, {**subscribe({**INFO, "failover_timeout": 60, "id": {"value": framework}}), **own}))


def first_end(stream):
    """The last events of a stream that the master ends."""
    kinds = []
    while True:
        event = stream.events.get(timeout=DEADLINE)
        if event["type"] in ("ERROR", "ENDED"):
            return event
        kinds.append(event["type"])


if __name__ == "__main__":
    main(sys.argv[-1])
