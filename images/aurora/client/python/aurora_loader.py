"""Runs an .aurora file and picks the job that was asked for."""
import json
import os

from pystachio import Empty

import aurora_helpers
import aurora_schema
from aurora_schema import Job


def environment():
    """The names a file finds without importing anything."""
    names = {}
    exec('from pystachio import *', names)
    for module in (aurora_schema, aurora_helpers):
        names.update((name, value) for name, value in vars(module).items()
                     if not name.startswith('_'))
    return names


class Runner(object):
    """Runs a file and those it includes, in one namespace."""

    def __init__(self):
        self.names = environment()
        self.names['include'] = self.run
        self._stack = ['']

    def run(self, path):
        path = os.path.join(os.path.dirname(self._stack[-1]), path)
        with open(path) as source:
            code = compile(source.read(), path, 'exec')
        self._stack.append(path)
        try:
            exec(code, self.names)
        finally:
            self._stack.pop()


def load(path, as_json):
    """The namespace that a file leaves behind."""
    if as_json:
        with open(path) as source:
            document = json.load(source)
        jobs = document['jobs'] if 'jobs' in document else [document]
        return {'jobs': [Job(job) for job in jobs]}
    runner = Runner()
    runner.run(path)
    return runner.names


def bound(names, bindings):
    """The file's jobs, with what --bind gave."""
    jobs = names.get('jobs', [])
    return [job.bind(*bindings) if bindings else job for job in jobs]


def path_of(job, environment=None):
    return '%s/%s/%s/%s' % (job.cluster(), job.role(), environment or job.environment(), job.name())


def candidates(jobs):
    lines = ['  ' + path_of(job, '{MISSING}' if job.environment() is Empty else None)
             for job in jobs]
    return 'Candidates are:\n' + '\n'.join(lines)


def pick(jobs, key):
    """The one job whose key is (cluster, role, environment, name)."""
    if not jobs:
        raise ValueError('No job defined in this config!')
    matches = [job for job in jobs if key == tuple(
        str(part) for part in (job.cluster(), job.role(), job.environment(), job.name()))]
    if not matches:
        lines = ['Could not find job %s' % '/'.join(key)]
        lines.extend(
            "Job %s in configuration file doesn't specify an environment"
            % path_of(job, '{MISSING}')
            for job in jobs if job.environment() is Empty)
        raise ValueError('\n'.join(lines + [candidates(jobs)]))
    if len(matches) > 1:
        raise ValueError('Multiple jobs match, please disambiguate by specifying a job key.\n'
                         + candidates(jobs))
    return matches[0]
