"""Whether a job can be sent to a scheduler, in the words of the original client."""
import math
import re
import sys

from pystachio import Empty, Ref

from aurora_schema import MB

IDENTIFIER = re.compile(r'^[\w\-\.]+$')
PROCESS_NAME = re.compile(r'^[^./][^/]*$')
PORTS = Ref.from_address('thermos.ports')
RESOLVED_BY_EXECUTOR = frozenset(
    map(Ref.from_address, ('mesos.instance', 'mesos.hostname', 'thermos.task_id')))
CRON_POLICIES = ('KILL_EXISTING', 'CANCEL_NEW', 'RUN_OVERLAP')


class Invalid(Exception):
    """The job is wrong."""

    def __str__(self):
        return 'The configuration was invalid: %s' % self.args[0]


class InvalidTask(Exception):
    """The job's task is wrong."""


class Fatal(Exception):
    """The job is right, but would do harm: the client stops at once."""


def warn(text):
    print(text, file=sys.stderr)


def check_required(job):
    for field in ('cluster', 'task', 'role'):
        if not getattr(job, 'has_' + field)():
            raise Invalid('%s required for job "%s"' % (field.capitalize(), job.name()))
    if not job.task().has_processes():
        raise Invalid('Processes required for task on job "%s"' % job.name())


def check_types(job):
    result = job.check()
    if not result.ok():
        raise Invalid(result.message())


def left_for_executor(ref):
    return ref in RESOLVED_BY_EXECUTOR or PORTS.scoped_to(ref) is not None


def referenced_ports(job):
    """Names in {{thermos.ports[...]}} anywhere in the task."""
    _, unbound = job.interpolate()
    scoped = [PORTS.scoped_to(ref) for ref in unbound]
    for ref, scope in zip(unbound, scoped):
        if scope is not None and not scope.is_index():
            raise Invalid('Bad port specification "%s" (should be of form "thermos.ports[name]"'
                          % ref.address())
    return set(scope.action().value for scope in scoped if scope is not None)


def resolved_portmap(portmap):
    """Each name's port: a number, or the name of the port that the scheduler is to allocate."""
    targets = {name: int(target) if target.isdigit() else target
               for name, target in portmap.items()}
    resolved = {}
    for name, target in targets.items():
        visited = set()
        while target in targets:
            visited.add(target)
            if targets[target] in visited:
                raise ValueError('Found cycle in portmap!')
            target = targets[target]
        resolved[name] = target
    return resolved


def ports(job, interpolated):
    """Names of the ports that the scheduler is to allocate."""
    portmap = resolved_portmap(
        interpolated.announce().portmap().get() if job.has_announce() else {})
    wanted = list(portmap.values())
    wanted.extend(portmap.get(name, name) for name in referenced_ports(job.task()))
    return sorted(set(port for port in wanted if not isinstance(port, int)))


def check_update(job):
    update, health, instances = job.update_config(), job.health_check_config(), job.instances().get()
    failures = update.max_total_failures().get()
    if failures >= instances:
        raise Fatal(
            '\nmax_total_failures in update_config must be lesser than the job size.\n'
            'Based on your job size (%s) you should use max_total_failures <= %s.\n'
            % (instances, instances - 1))
    if dedicated(job):
        least = int(math.floor(instances * 0.02))
        if failures < least:
            raise Fatal(
                '\nSince this is a dedicated job, you must set your max_total_failures in\n'
                'your update configuration to no less than 2%% of your job size.\n'
                'Based on your job size (%s) you should use max_total_failures >= %s.\n'
                % (instances, least))
    for name, value in (
            ('watch_secs', update.watch_secs()),
            ('max_consecutive_failures', health.max_consecutive_failures()),
            ('min_consecutive_successes', health.min_consecutive_successes()),
            ('initial_interval_secs', health.initial_interval_secs()),
            ('interval_secs', health.interval_secs())):
        if value.get() < 0:
            raise Fatal('\nInvalid value (%s) specified for %s. Value cannot be less than 0.\n'
                        % (value.get(), name))


def dedicated(job):
    return job.has_constraints() and 'dedicated' in job.constraints().get()


def check_announce(job, allocated):
    if not job.has_announce():
        return
    announce = job.announce()
    primary, portmap = announce.primary_port().get(), announce.portmap().get()
    if primary not in allocated and primary not in portmap:
        warn("\nAnnouncer specified primary port as '%(port)s' but no processes have bound that "
             'port.\nIf you would like to utilize this port, you should listen on '
             '{{thermos.ports[%(port)s]}}\nfrom some Process bound to your task.\n'
             % {'port': primary})
    if not dedicated(job) and any(target.isdigit() for target in portmap.values()):
        raise ValueError('Job must be dedicated in order to specify static ports!')


def check_deprecated(job):
    if job.production().get() and not job.has_tier():
        lines = ['', '*' * 80,
                 '* The command you ran is deprecated and will soon break!',
                 "* Job configuration attribute 'production' is deprecated.",
                 "* Use 'tier' attribute instead.", '*' * 80, '']
        for line in lines:
            warn(' WARN] ' + line)


def check_task(task):
    for process in task.processes():
        if not PROCESS_NAME.match(process.name().get()):
            raise InvalidTask('Task has invalid process: Invalid process name: %s'
                              % process.name().get())
    _, unbound = task.interpolate()
    unknown = [str(ref) for ref in unbound if not left_for_executor(ref)]
    if unknown:
        raise InvalidTask('Unexpected unbound refs: %s. Make sure you are not nesting template '
                          'variables.' % ' '.join(sorted(unknown)))
    check_plan(task, False)
    check_plan(task, True)


def check_plan(task, final):
    """The task's regular or its finalizing processes can run in the order given."""
    processes = {process.name().get(): process for process in task.processes()
                 if process.final().get() == final}
    everyone = set(process.name().get() for process in task.processes())
    before = {name: set() for name in processes}
    for constraint in task.constraints():
        names = [name.get() for name in constraint.order()] if constraint.has_order() else []
        inside = [name for name in names if name in processes]
        if inside and len(inside) != len(names) or any(name not in everyone for name in names):
            raise InvalidTask('Task has invalid plan: Invalid process dependencies!')
        for earlier, later in zip(inside, inside[1:]):
            first, second = processes[earlier], processes[later]
            if first.daemon().get():
                raise InvalidTask('Task has invalid plan: Process %s may not depend upon daemon '
                                  'process %s' % (later, earlier))
            if first.ephemeral().get() and not second.ephemeral().get():
                raise InvalidTask('Task has invalid plan: Non-ephemeral process %s may not depend '
                                  'upon ephemeral process %s' % (later, earlier))
            before[later].add(earlier)
    waiting, done = set(processes), set()
    while waiting:
        ready = set(name for name in waiting if before[name] <= done)
        if not ready:
            raise InvalidTask('Task has invalid plan: Cycles detected in the task schedule!')
        waiting -= ready
        done |= ready


def check_thrift(job):
    """What cannot be said in the scheduler's API."""
    for field in ('role', 'environment', 'name'):
        text = getattr(job, field)().get()
        if not IDENTIFIER.match(text):
            raise Invalid("Invalid %s '%s'" % (field, text))
    task = job.task()
    if not task.has_resources():
        raise Invalid('Task must specify resources!')
    cpu, ram, disk = (field().get() for field in (
        task.resources().cpu, task.resources().ram, task.resources().disk))
    if ram == 0 or disk == 0:
        raise Invalid('Must specify ram and disk resources, got ram:%r disk:%r' % (ram, disk))
    if cpu <= 0 or ram < MB or disk < MB:
        raise Invalid('Task has invalid resources.  cpu/ramMb/diskMb must all be positive: '
                      'cpu:%r ramMb:%r diskMb:%r' % (cpu, ram // MB, disk // MB))
    if job.has_constraints():
        for value in job.constraints().get().values():
            check_limit(value)
    if job.has_container() and not job.container().get():
        raise Invalid('If a container is specified it must set one type.')
    policy = job.cron_collision_policy().get()
    if policy.upper() not in CRON_POLICIES:
        raise Invalid("Invalid <class 'gen.apache.aurora.api.ttypes.CronCollisionPolicy'> type: %s"
                      % policy)


def check_limit(value):
    if value.startswith('limit:'):
        try:
            int(value[len('limit:'):])
        except ValueError:
            print('%s is not a valid limit value, must be integer' % value)
            raise


def check_bound(job, unbound):
    stub = job.bind(mesos={'instance': 31337, 'hostname': ''})
    try:
        check_task(stub.task())
    except InvalidTask as error:
        raise Invalid('Task is invalid: %s' % error)
    if not stub.check().ok():
        raise Invalid('Job not fully specified: %s' % stub.check().message())
    unknown = [str(ref) for ref in unbound if not left_for_executor(ref)]
    if unknown:
        raise Invalid('Config contains unbound variables: %s' % ' '.join(sorted(unknown)))
