"""Runs a configuration's hooks around the client's calls.

The client sends a line of JSON for each event, and gets one back when the hooks have run. Its calls
come to the hooks as the objects that the original's do: a configuration, a job's key, a response.
"""
import collections
import json
import os
import socket
import sys
import traceback

JobKey = collections.namedtuple('JobKey', ['cluster', 'role', 'env', 'name'])
Detail = collections.namedtuple('Detail', ['message'])
Response = collections.namedtuple('Response', ['responseCode', 'details', 'result'])

# Which of a call's arguments go by place, and which by name.
METHODS = {
    'create_job': (('config',), ()),
    'add_instances': (('job_key', 'instance_id', 'count'), ('config',)),
    'kill_job': (('job_key',), ('instances', 'config', 'message')),
    'restart': (('job_key', 'instances', 'restart_settings'), ('config',)),
    'start_cronjob': (('job_key',), ('config',)),
    'start_job_update': (('config', 'message'), ('instances',)),
}


class AuroraJobKey(JobKey):
    def to_path(self):
        return '/'.join(self)

    __str__ = to_path


class APIError(Exception):
    """The scheduler refused."""

    def __init__(self, response, code):
        self.response = response
        self._code = code

    def __str__(self):
        messages = ', '.join(detail.message for detail in self.response.details)
        return 'APIError: %s: %s' % (self._code, messages)


class HookConfig(object):
    def __init__(self, config, job_key):
        self.config = config
        self.job_key = job_key

    def __iter__(self):
        yield self.config
        yield self.job_key


class Config(object):
    """The job that the command is about."""

    def __init__(self, job, hooks):
        self._job = job
        self.hooks = hooks

    def raw(self):
        return self._job

    def name(self):
        return self._job.name().get()

    def role(self):
        return self._job.role().get()

    def cluster(self):
        return self._job.cluster().get()

    def environment(self):
        return self._job.environment().get()

    def instances(self):
        return self._job.instances().get()

    def task(self, instance):
        return (self._job % {'mesos': {'instance': instance}}).task()

    def has_cron_schedule(self):
        return self._job.has_cron_schedule()

    def is_service(self):
        return self._job.service().get()

    def is_production(self):
        return self._job.production().get()

    def job_key(self):
        return AuroraJobKey(self.cluster(), self.role(), self.environment(), self.name())


def log(level, text):
    print('%5s] %s' % (level, text), file=sys.stderr)


def chosen(hook, event, method, extra, key, config, args, keywords):
    """What to call for an event: the hook's own method for it, or its method for everything."""
    own = getattr(hook, '%s_%s' % (event, method), None)
    if callable(own):
        before = [] if extra is None else [extra]
        return lambda: own(*(before + args), **keywords)
    generic = getattr(hook, 'generic_hook', None)
    if generic is None:
        return lambda: True
    return lambda: generic(HookConfig(config, key), event, method, extra, tuple(args), keywords)


def passed(hook, call, event, method):
    try:
        return bool(call())
    except Exception:
        log('WARN', 'Error in %s_%s in %s' % (event, method, type(hook).__name__))
        for line in traceback.format_exc().splitlines():
            log('WARN', line)
        return False


def run(config, message):
    """Whether all hooks agree."""
    event, method = message['event'], message['method']
    values = dict(message['args'], config=config)
    if 'job_key' in values:
        values['job_key'] = AuroraJobKey(*values['job_key'])
    by_place, by_name = METHODS[method]
    args = [values.get(name) for name in by_place]
    keywords = {name: values.get(name) for name in by_name}
    key = values.get('job_key') or config.job_key()
    extra = None
    if event != 'pre':
        found = message['response']
        details = [Detail(text) for text in found['messages']]
        extra = Response(found['code'], details, None)
        if event == 'err':
            extra = APIError(extra, found['name'])
    # Every hook runs, whatever those before it said.
    return all([passed(hook, chosen(hook, event, method, extra, key, config, args, keywords),
                       event, method) for hook in config.hooks])


def serve(job, hooks, channel, stdout):
    """Runs hooks until the client hangs up. They print where the client prints."""
    os.dup2(stdout, 1)
    config = Config(job, hooks)
    with socket.socket(fileno=channel).makefile('rw') as lines:
        for line in lines:
            agreed = run(config, json.loads(line))
            sys.stdout.flush()
            lines.write(json.dumps(agreed) + '\n')
            lines.flush()
