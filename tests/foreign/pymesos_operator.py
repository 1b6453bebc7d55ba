"""An operator on pymesos: every call that it knows of master and agent, with what must come back.

usage: pymesos_operator.py MASTER AGENT     (HOST:PORT)
Prints a line a subject; the last is `all answered`.
"""

import sys
import time

from pymesos import MesosOperatorAgentDriver, MesosOperatorMasterDriver

HOUR = 3600 * 10**9


def expect(what, found, wanted):
    """Says what differs, and ends."""
    if found != wanted:
        sys.exit(f"{what}: {found!r}, and not {wanted!r}")
    print(what, flush=True)


def reading(master, agent):
    """What both answer, and what only one does."""
    for name, daemon in (("master", master), ("agent", agent)):
        expect(f"{name} health", daemon.getHealth()["get_health"], {"healthy": True})
        flags = {flag["name"] for flag in daemon.getFlags()["get_flags"]["flags"]}
        expect(f"{name} flags", flags >= {"ip", "port", "work_dir"}, True)
        expect(f"{name} version", daemon.getVersion()["get_version"]["version_info"]["version"], "1.12.0")
        metrics = {m["name"] for m in daemon.getMetrics(5 * 10**9)["get_metrics"]["metrics"]}
        expect(f"{name} metrics", "system/cpus_total" in metrics, True)
        expect(f"{name} state", daemon.getState()["type"], "GET_STATE")
        expect(f"{name} frameworks", daemon.getFrameworks()["type"], "GET_FRAMEWORKS")
        expect(f"{name} executors", daemon.getExecutors()["type"], "GET_EXECUTORS")
        expect(f"{name} tasks", daemon.getTasks()["type"], "GET_TASKS")
        daemon.setLoggingLevel(1, 10 * 10**9)
        expect(f"{name} logging level", daemon.getLoggingLevel()["get_logging_level"]["level"], 1)
    expect("containers", agent.getContainers()["type"], "GET_CONTAINERS")
    expect("agents", len(master.getAgents()["get_agents"]["agents"]), 1)
    expect("master's address", master.getMaster()["type"], "GET_MASTER")


def weights_and_quota(master):
    """Written, read back, and taken back."""
    master.updateWeights([dict(role="heavy", weight=2.5)])
    expect("weights", master.getWeights()["get_weights"]["weight_infos"], [dict(role="heavy", weight=2.5)])
    cpus = dict(name="cpus", type="SCALAR", scalar=dict(value=1.0))
    master.setQuota(dict(role="heavy", force=True, guarantee=[cpus]))
    quotas = master.getQuota()["get_quota"]["status"]["infos"]
    expect("quota", [(info["role"], info["guarantee"][0]["scalar"]["value"]) for info in quotas], [("heavy", 1.0)])
    master.removeQuota("heavy")
    expect("no quota", master.getQuota()["get_quota"]["status"].get("infos", []), [])
    expect("roles", "heavy" in {r["name"] for r in master.getRoles()["get_roles"]["roles"]}, True)


def reservations(master):
    """A reservation and a volume in it, made and removed."""
    agent = master.getAgents()["get_agents"]["agents"][0]["agent_info"]["id"]["value"]
    reservation = dict(type="DYNAMIC", role="kept")
    disk = dict(name="disk", type="SCALAR", scalar=dict(value=64.0), reservations=[reservation])
    volume = dict(disk, disk=dict(persistence=dict(id="v1"), volume=dict(mode="RW", container_path="data")))

    def reserved():
        found = master.getAgents()["get_agents"]["agents"][0]["total_resources"]
        return [(r["name"], "disk" in r) for r in found if r.get("reservations") or r.get("role", "*") != "*"]

    def until(what, wanted):
        end = time.monotonic() + 120
        while reserved() != wanted and time.monotonic() < end:
            time.sleep(0.02)
        expect(what, reserved(), wanted)

    master.reserveResources(agent, [disk])
    until("a reservation", [("disk", False)])
    master.createVolumes(agent, [volume])
    until("a volume", [("disk", True)])
    master.destroyVolumes(agent, [volume])
    until("no volume", [("disk", False)])
    master.unreserveResources(agent, [disk])
    until("no reservation", [])


def maintenance(master):
    """A window is scheduled, its machine goes down and comes up."""
    machine = dict(hostname="elsewhere", ip="10.9.8.7")
    window = dict(
        machine_ids=[machine],
        unavailability=dict(start=dict(nanoseconds=int(time.time()) * 10**9), duration=dict(nanoseconds=HOUR)),
    )
    master.updateMaintenanceSchedule([window])
    found = master.getMaintenanceSchedule()["get_maintenance_schedule"]["schedule"]["windows"]
    expect("maintenance schedule", [w["machine_ids"] for w in found], [[machine]])
    master.startMaintenance([machine])
    status = master.getMaintenanceStatus()["get_maintenance_status"]["status"]
    expect("down machines", status.get("down_machines"), [machine])
    master.stopMaintenance([machine])
    status = master.getMaintenanceStatus()["get_maintenance_status"]["status"]
    expect("up again", status.get("down_machines", []), [])


def main():
    master, agent = MesosOperatorMasterDriver(sys.argv[1]), MesosOperatorAgentDriver(sys.argv[2])
    reading(master, agent)
    weights_and_quota(master)
    reservations(master)
    maintenance(master)
    print("all answered", flush=True)


if __name__ == "__main__":
    main()
