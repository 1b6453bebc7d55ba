"""Operations on offers that a master refuses or does, each with an id: what comes back of it.

usage: operations.py [FRAMEWORK] MASTER     (the driver's program is not needed)
"""

import json
import re
import sys

from http_calls import Stream, subscribe
from plain import plain

INFO = {
    "user": "root", "name": "operations", "roles": ["r"], "principal": "p",
    "capabilities": [{"type": t} for t in ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")],
}


# Most of the 4096 that the tests' agent has: what a volume has shrunk by comes back later.
DISK = 4000


def scalar(name="disk", value=64, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": "r"}, **more}


def dynamic(role="r", **more):
    return {"type": "DYNAMIC", "role": role, **more}


MINE = {"reservations": [dynamic(principal="p")]}
PLACE = {"mode": "RW", "container_path": "data"}


def volume(identity="v", place=PLACE, persistence=None, **more):
    disk = {"persistence": persistence or {"id": identity, "principal": "p"}, "volume": place}
    return scalar(**{**MINE, **more}, disk=disk)


def reserve(*resources):
    return {"type": "RESERVE", "reserve": {"resources": list(resources)}}


def unreserve(*resources):
    return {"type": "UNRESERVE", "unreserve": {"resources": list(resources)}}


def create(*volumes):
    return {"type": "CREATE", "create": {"volumes": list(volumes)}}


def destroy(*volumes):
    return {"type": "DESTROY", "destroy": {"volumes": list(volumes)}}


def grow(one, more):
    return {"type": "GROW_VOLUME", "grow_volume": {"volume": one, "addition": more}}


def shrink(one, less):
    return {"type": "SHRINK_VOLUME", "shrink_volume": {"volume": one, "subtract": {"value": less}}}


RAW = {"source": {"type": "RAW", "id": "d", "profile": "f"}}
OPERATIONS = {
    "reserve without its part": {"type": "RESERVE"},
    "unreserve without its part": {"type": "UNRESERVE"},
    "create without its part": {"type": "CREATE"},
    "destroy without its part": {"type": "DESTROY"},
    "grow without its part": {"type": "GROW_VOLUME"},
    "shrink without its part": {"type": "SHRINK_VOLUME"},
    "create a disk without its part": {"type": "CREATE_DISK"},
    "destroy a disk without its part": {"type": "DESTROY_DISK"},
    "launch without its part": {"type": "LAUNCH"},
    "reserve nothing": reserve(),
    "reserve a bad amount": reserve(scalar(value=-1, **MINE)),
    "reserve to nobody": reserve(scalar()),
    "reserve for ever": reserve(scalar(reservations=[{"type": "STATIC", "role": "r"}])),
    "reserve for another principal": reserve(scalar(reservations=[dynamic(principal="q")])),
    "reserve for no principal": reserve(scalar(reservations=[dynamic()])),
    "reserve for another role": reserve(scalar(reservations=[dynamic("q", principal="p")])),
    "reserve for another role's allocation": reserve(
        {**scalar(reservations=[dynamic("q", principal="p")]), "allocation_info": {"role": "q"}}),
    "reserve without an allocation": reserve({k: v for k, v in scalar(**MINE).items() if k != "allocation_info"}),
    "reserve for a role that cannot be": reserve(scalar(reservations=[dynamic("-r", principal="p")])),
    "reserve what is not there": reserve(scalar(value=10**7, **MINE)),
    "reserve what nobody has": reserve(scalar(name="gold", **MINE)),
    "reserve what can be taken away": reserve(scalar(name="cpus", value=1, revocable={}, **MINE)),
    "reserve a volume": reserve(volume()),
    "reserve a refinement of nothing": reserve(scalar(reservations=[dynamic(principal="p"), dynamic("r/a", principal="p")])),
    "reserve mixed": reserve(scalar(**MINE), scalar(name="cpus", value=1, reservations=[dynamic("r/a", principal="p")])),
    "reserve in the older form": reserve(scalar(role="r", reservation={"principal": "p"})),
    "unreserve that again": unreserve(scalar(**MINE)),
    "unreserve nothing": unreserve(),
    "unreserve what is not reserved": unreserve(scalar()),
    "unreserve what is not there": unreserve(scalar(**MINE)),
    "unreserve what is static": unreserve(scalar(reservations=[{"type": "STATIC", "role": "r"}])),
    "unreserve a volume": unreserve(volume()),
    "create nothing": create(),
    "create of no disk information": create(scalar(**MINE)),
    "create without an id": create(scalar(**MINE, disk={"volume": PLACE})),
    "create without a place": create(scalar(**MINE, disk={"persistence": {"id": "v", "principal": "p"}})),
    "create of another principal": create(volume(persistence={"id": "v", "principal": "q"})),
    "create of no principal": create(volume(persistence={"id": "v"})),
    "create to be read": create(volume(place={**PLACE, "mode": "RO"})),
    "create at a place of the host": create(volume(place={**PLACE, "host_path": "/h"})),
    "create of a bad id": create(volume("a/b")),
    "create of an empty id": create(volume("")),
    "create of cpus": create(scalar(name="cpus", value=1, **MINE, disk={"persistence": {"id": "v", "principal": "p"}, "volume": PLACE})),
    "create of what nobody reserved": create({**volume(), "reservations": []}),
    "create of what is not there": create(volume()),
    "create two of one id": create(volume(), volume()),
    "create a shared one": create(volume(shared={})),
    "destroy nothing": destroy(),
    "destroy what is none": destroy(scalar(**MINE)),
    "destroy what is not there": destroy(volume()),
    "grow what is not there": grow(volume(), scalar(**MINE)),
    "grow what is none": grow(scalar(**MINE), scalar(**MINE)),
    "grow by another reservation": grow(volume(), scalar(reservations=[dynamic(principal="q")])),
    "grow by nothing": grow(volume(), scalar(value=0, **MINE)),
    "grow by memory": grow(volume(), scalar(name="mem", **MINE)),
    "grow a shared one": grow(volume(shared={}), scalar(**MINE)),
    "shrink what is not there": shrink(volume(), 1),
    "shrink what is none": shrink(scalar(**MINE), 1),
    "shrink by all": shrink(volume(), 64),
    "shrink by nothing": shrink(volume(), 0),
    "shrink by less than nothing": shrink(volume(), -1),
    "shrink a shared one": shrink(volume(shared={}), 1),
    "make a disk of what is none": {"type": "CREATE_DISK", "create_disk": {"source": scalar(), "target_type": "MOUNT"}},
    "make a disk of what no plugin has": {
        "type": "CREATE_DISK", "create_disk": {"source": scalar(disk=RAW), "target_type": "MOUNT"}},
    "make a disk of a bad type": {
        "type": "CREATE_DISK", "create_disk": {"source": scalar(disk=RAW), "target_type": "PATH"}},
    "unmake a disk that is none": {"type": "DESTROY_DISK", "destroy_disk": {"source": scalar()}},
    "unmake a disk that no plugin has": {"type": "DESTROY_DISK", "destroy_disk": {"source": scalar(disk=RAW)}},
    "reserve": reserve(scalar(value=128, **MINE)),
    "reserve again what is reserved": reserve(scalar(value=128, **MINE)),
    "refine": reserve(scalar(value=64, reservations=[dynamic(principal="p"), dynamic("r/a", principal="p")])),
    "refine no further": unreserve(scalar(value=64, reservations=[dynamic(principal="p"), dynamic("r/a", principal="p")])),
    "create": create(volume()),
    "create it again": create(volume()),
    "unreserve under it": unreserve(scalar(value=128, **MINE)),
    "unreserve the volume": unreserve(volume()),
    "grow": grow(volume(), scalar(value=32, **MINE)),
    "shrink": shrink({**volume(), "scalar": {"value": 96}}, 32),
    "shrink by all that there is": shrink(volume(), 64),
    "destroy": destroy(volume()),
    "destroy it again": destroy(volume()),
    "unreserve": unreserve(scalar(value=64, **MINE)),
}


def shown(text):
    """Without what differs from run to run, and with the order of keys."""
    return re.sub(r'"(uuid|operation_uuid)": ("[^"]*"|\{[^{}]*\})', r'"\1": N', plain(text))


def disk(offers):
    return sum(r["scalar"]["value"] for offer in offers for r in offer["resources"] if r["name"] == "disk")


def everything(stream):
    """Offers of most of the agent's disk, which may come in parts."""
    offers = []
    while disk(offers) < DISK:
        offers += stream.next("OFFERS")["offers"]["offers"]
    return offers


def main(master):
    stream = Stream(master, subscribe(INFO))
    for number, (name, operation) in enumerate(OPERATIONS.items()):
        offers = everything(stream)
        identity = f"o{number}"
        operation = {**operation, "id": {"value": identity}}
        accepted = stream.call("ACCEPT", accept={
            "offer_ids": [offer["id"] for offer in offers], "operations": [operation], "filters": {"refuse_seconds": 0}})
        print(f"{name}: {accepted}", flush=True)
        if not accepted.startswith("202"):
            stream.call("DECLINE", decline={"offer_ids": [o["id"] for o in offers], "filters": {"refuse_seconds": 0}})
            continue
        if operation["type"] == "LAUNCH":
            continue
        status = stream.next(
            "UPDATE_OPERATION_STATUS",
            wanted=lambda event: event["update_operation_status"]["status"]["operation_id"]["value"] == identity,
        )["update_operation_status"]["status"]
        print(f"{name}: {shown(json.dumps(status, sort_keys=True)).replace(identity, 'ID')}", flush=True)
        if "uuid" in status:
            stream.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status={
                "operation_id": status["operation_id"], "uuid": status["uuid"]["value"], "agent_id": status["agent_id"]})
    stream.call("TEARDOWN")
    stream.close()


if __name__ == "__main__":
    main(sys.argv[-1])
