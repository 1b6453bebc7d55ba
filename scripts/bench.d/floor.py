"""The floor: the containers, network, ports and mounts of a running cluster, made once more by the bare engine.

Everything is created and started at once and nothing is health-checked: no launcher can be faster with this engine.
"""

import json
import time

import engine

CONFIG = ("Image", "Cmd", "Entrypoint", "Env", "Hostname", "Labels", "ExposedPorts", "WorkingDir", "StopSignal")


class Floor:
    """A recipe taken from a running cluster, to be made under another name when that cluster is gone."""

    def __init__(self, cluster, name):
        self._nodes = []
        networks = set()
        for found in engine.containers(cluster):
            spec = {key: found["Config"].get(key) for key in CONFIG}
            spec["HostConfig"] = found["HostConfig"]
            endpoints = {}
            for network, endpoint in found["NetworkSettings"]["Networks"].items():
                networks.add(network)
                endpoints[network] = {key: endpoint.get(key) for key in ("IPAMConfig", "Aliases")}
            spec["NetworkingConfig"] = {"EndpointsConfig": endpoints}
            self._nodes.append((found["Name"].lstrip("/"), spec))
        self._networks = []
        for network in networks:
            found = engine.ask("GET", f"/networks/{network}")
            self._networks.append({key: found[key] for key in ("Name", "Driver", "IPAM", "Options", "Labels")})
        # The cluster's name is a word that occurs nowhere else, so that all of it can be renamed in one go.
        self._nodes = json.loads(json.dumps(self._nodes).replace(cluster, name))
        self._networks = json.loads(json.dumps(self._networks).replace(cluster, name))
        self._volumes = sorted(set(self._volume_names()))

    def __len__(self):
        return len(self._nodes)

    def _volume_names(self):
        for _, spec in self._nodes:
            for bind in spec["HostConfig"].get("Binds") or []:
                source = bind.split(":")[0]
                if not source.startswith("/"):
                    yield source
            for mount in spec["HostConfig"].get("Mounts") or []:
                if mount.get("Type") == "volume" and mount.get("Source"):
                    yield mount["Source"]

    def up(self):
        """Seconds to make it all."""
        start = time.monotonic()
        for network in self._networks:
            engine.ask("POST", "/networks/create", network)
        engine.all_at_once(self._start, self._nodes)
        return time.monotonic() - start

    @staticmethod
    def _start(node):
        name, spec = node
        engine.ask("POST", f"/containers/create?name={name}", spec)
        engine.ask("POST", f"/containers/{name}/start")

    def down(self):
        """Seconds to remove it all; what is not there is no error."""
        start = time.monotonic()
        gone = (404, 409)
        remove = lambda node: engine.ask("DELETE", f"/containers/{node[0]}?force=true&v=true", allow=gone)
        engine.all_at_once(remove, self._nodes)
        for network in self._networks:
            engine.ask("DELETE", f"/networks/{network['Name']}", allow=gone)
        engine.all_at_once(lambda name: engine.ask("DELETE", f"/volumes/{name}", allow=gone), self._volumes)
        return time.monotonic() - start
