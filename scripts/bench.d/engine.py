"""A small client of the Docker engine's API over its Unix socket: just what the benchmark needs, with no library."""

import concurrent.futures
import http.client
import json
import os
import socket
import urllib.parse

API = "/v1.41"
AT_ONCE = 16


class EngineError(Exception):
    """The engine said no."""


class _Connection(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("engine", timeout=120)

    def connect(self):
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        if not address.startswith("unix://"):
            raise EngineError(f"the benchmark needs a local engine, and DOCKER_HOST is `{address}`")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(address.removeprefix("unix://"))


def ask(method, path, body=None, allow=()):
    """The engine's answer as JSON; `allow` lists the status codes that are fine beside success."""
    connection = _Connection()
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, API + path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300 and answer.status not in allow:
            raise EngineError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None
    finally:
        connection.close()


def query(**filters):
    """Filters as the engine wants them in a URL."""
    return "filters=" + urllib.parse.quote(json.dumps({name: [value] for name, value in filters.items()}))


def all_at_once(function, items):
    """`function` of each item, side by side; the first failure is raised."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


def containers(name):
    """The inspected containers whose names start with the cluster's."""
    found = ask("GET", "/containers/json?all=true&" + query(name=f"^/{name}-"))
    return [ask("GET", f"/containers/{container['Id']}/json") for container in found]
