"""Drivers and HTTP frameworks of a master that limits how fast they may speak: what is counted, waits or is refused.

usage: rate_limits.py FRAMEWORK MASTER     (of a master with the limits in libmesos.rs)
"""

import http.client
import json
import sys
import time

from driver import Driver
from http_calls import Stream, subscribe
from plain import plain

DEADLINE = 20


def show(name, line):
    print(f"{name}: {line}", flush=True)


def counters(master):
    """What is counted of principals. The original answers this twice a second at most."""
    connection = http.client.HTTPConnection(master, timeout=DEADLINE)
    connection.request("GET", "/metrics/snapshot")
    metrics = json.loads(connection.getresponse().read())
    connection.close()
    return {name[len("frameworks/"):]: int(n) for name, n in sorted(metrics.items()) if name.startswith("frameworks/")}


def settled(master, principal, count):
    """The counters, once so many messages were heard."""
    end = time.monotonic() + DEADLINE
    while True:
        now = counters(master)
        if now.get(f"{principal}/messages_processed", 0) >= count:
            return now
        assert time.monotonic() < end, now


def driver(program, master, principal):
    named = f'principal: "{principal}"' if principal else ""
    one = Driver(program, master, f'user: "u" name: "n" role: "*" {named}')
    one.callback("registered")
    return one


def end(one, master, principal):
    one.close()
    until = time.monotonic() + DEADLINE
    while any(name.startswith(f"{principal}/") for name in counters(master)):
        assert time.monotonic() < until, counters(master)


def main(program, master):
    show("at first", counters(master))
    stream = Stream(master, subscribe({"user": "u", "name": "n", "principal": "strict"}))
    show("an HTTP framework", counters(master))
    for _ in range(6):
        assert stream.call("REVIVE").startswith("202")
    show("is neither counted nor slowed down", counters(master))
    stream.call("TEARDOWN")
    show("is gone", counters(master))

    free = driver(program, master, "free")
    for _ in range(20):
        free.call("reviveOffers")
    show("without a limit", settled(master, "free", 20))
    end(free, master, "free")

    slow = driver(program, master, "slow")
    begin = time.monotonic()
    for _ in range(11):
        slow.call("reviveOffers")
    show("all is heard of who is slowed down", settled(master, "slow", 11))
    show("in its time", time.monotonic() - begin > 1)
    end(slow, master, "slow")

    for principal in ("strict", "silent", "other", ""):
        one = driver(program, master, principal)
        for _ in range(12):
            one.call("reviveOffers")
        show(f"too much of {principal or 'nobody'}", plain(" ".join(one.callback("error"))))
        one.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
