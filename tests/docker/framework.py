"""Runs one task in a container, which serves pages at a port of its agent, and goes away when a page is read.

usage: framework.py CONTAINER ADDRESS PORT INSIDE

CONTAINER is a `ContainerInfo` in JSON, PORT is the agent's and INSIDE where the task is to listen.
"""

import http.client, json, sys
container, address, port, inside = sys.argv[1:5]
def call(body, stream=None):
    connection = http.client.HTTPConnection("mesos-master", 5050)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if stream: headers["Mesos-Stream-Id"] = stream
    connection.request("POST", "/api/v1/scheduler", json.dumps(body), headers)
    return connection.getresponse()
answer = call({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "docker", "failover_timeout": 3600, "capabilities": [{"type": "MULTI_ROLE"}], "roles": ["*"]}}})
stream, framework, launched = answer.getheader("Mesos-Stream-Id"), None, False
while True:
    length = b""
    while not length.endswith(b"\n"): length += answer.read(1)
    event = json.loads(answer.read(int(length)))
    if event["type"] == "SUBSCRIBED": framework = event["subscribed"]["framework_id"]
    if event["type"] == "OFFERS" and not launched:
        launched = True
        offer = event["offers"]["offers"][0]
        scalar = lambda name, value: {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "*"}}
        ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": int(port), "end": int(port)}]}, "allocation_info": {"role": "*"}}
        task = {"name": "t", "task_id": {"value": "t"}, "agent_id": offer["agent_id"],
            "resources": [scalar("cpus", 0.1), scalar("mem", 64), ports],
            "command": {"shell": True, "value": "cd $MESOS_SANDBOX; echo of the task > page; exec python3 -m http.server " + inside},
            "container": json.loads(container)}
        call({"type": "ACCEPT", "framework_id": framework, "accept": {"offer_ids": [offer["id"]],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]}}, stream).read()
    if event["type"] == "UPDATE":
        status = event["update"]["status"]
        print(status["state"], status.get("message", ""), flush=True)
        call({"type": "ACKNOWLEDGE", "framework_id": framework, "acknowledge": {"agent_id": status["agent_id"],
            "task_id": status["task_id"], "uuid": status["uuid"]}}, stream).read()
        if status["state"] == "TASK_RUNNING":
            import time, urllib.request
            for _ in range(1000):
                try:
                    print(urllib.request.urlopen("http://%s:%s/page" % (address, port)).read().decode(), flush=True)
                    sys.exit(0)
                except OSError: time.sleep(0.1)
            sys.exit("the page does not open")
        if status["state"] not in ("TASK_STARTING", "TASK_RUNNING"): sys.exit("the task ended")
