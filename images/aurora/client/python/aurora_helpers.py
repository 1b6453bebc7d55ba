"""What .aurora files put tasks together with."""
from functools import reduce

from pystachio import Empty

from aurora_schema import Constraint, GB, Process, Resources, Task


def _value(field):
    return 0 if field is Empty else field.get()


def _distinct(lists):
    """All elements, each once, in the order of their first appearance."""
    found = []
    for elements in lists:
        for element in () if elements is Empty else elements:
            if element not in found:
                found.append(element)
    return found


class Units(object):
    """Sums and maxima of what tasks need."""

    @classmethod
    def optional_resources(cls, resources):
        return Resources() if resources is Empty else resources

    @classmethod
    def _fold(cls, function, resources):
        def both(left, right):
            return Resources(**{
                name: function(_value(getattr(left, name)()), _value(getattr(right, name)()))
                for name in ('cpu', 'ram', 'disk', 'gpu')})
        return reduce(both, map(cls.optional_resources, resources),
                      Resources(cpu=0, ram=0, disk=0, gpu=0))

    @classmethod
    def resources_sum(cls, *resources):
        return cls._fold(lambda left, right: left + right, resources)

    @classmethod
    def resources_max(cls, resources):
        return cls._fold(max, resources)

    @classmethod
    def finalization_wait_sum(cls, waits):
        return sum(_value(wait) for wait in waits)

    @classmethod
    def finalization_wait_max(cls, waits):
        return max([_value(wait) for wait in waits] + [0])

    @classmethod
    def processes_merge(cls, tasks):
        return _distinct(task.processes() for task in tasks)

    @classmethod
    def constraints_merge(cls, tasks):
        return _distinct(task.constraints() for task in tasks)


class Processes(object):
    """The order of processes."""

    @classmethod
    def _name(cls, process):
        if isinstance(process, Process):
            return process.name()
        if isinstance(process, str):
            return process
        raise ValueError('Unknown value for process order: %s' % repr(process))

    @classmethod
    def order(cls, *processes):
        return [Constraint(order=[cls._name(process) for process in processes])]


class Tasks(object):
    """Tasks made of commands, processes and other tasks."""

    SIMPLE_CPU = 1.0
    SIMPLE_RAM = 1 * GB
    SIMPLE_DISK = 1 * GB

    @classmethod
    def simple(cls, name, command):
        return Task(
            name=name,
            processes=[Process(name=name, cmdline=command)],
            resources=Resources(cpu=cls.SIMPLE_CPU, ram=cls.SIMPLE_RAM, disk=cls.SIMPLE_DISK))

    @classmethod
    def sequential(cls, task):
        constraints = task.constraints()
        if constraints is not Empty and list(constraints):
            raise ValueError('Cannot turn a Task with existing constraints into a SequentialTask!')
        processes = task.processes()
        return task if processes is Empty else task(constraints=Processes.order(*processes))

    @classmethod
    def combine(cls, *tasks, **fields):
        """All processes of all tasks, side by side."""
        if not tasks:
            return Task()
        merged = dict(
            processes=Units.processes_merge(tasks),
            constraints=Units.constraints_merge(tasks),
            resources=Units.resources_sum(*(task.resources() for task in tasks)),
            finalization_wait=Units.finalization_wait_max(
                task.finalization_wait() for task in tasks))
        merged.update(fields)
        return tasks[-1](**merged)

    @classmethod
    def concat(cls, *tasks, **fields):
        """All processes of a task before any of the next."""
        if not tasks:
            return Task()
        constraints = Units.constraints_merge(tasks)
        for earlier, later in zip(tasks, tasks[1:]):
            for first in earlier.processes():
                for second in later.processes():
                    if first != second:
                        constraints.extend(Processes.order(first, second))
        merged = dict(
            processes=Units.processes_merge(tasks),
            constraints=constraints,
            resources=Units.resources_max([task.resources() for task in tasks]),
            finalization_wait=Units.finalization_wait_sum(
                task.finalization_wait() for task in tasks))
        merged.update(fields)
        return tasks[-1](**merged)


class Options(object):
    """Command-line options from strings, dictionaries and keywords."""

    @classmethod
    def render_option(cls, short_prefix, long_prefix, option, value=None):
        option = (short_prefix if len(option) == 1 else long_prefix) + option
        return '%s %s' % (option, value) if value else option

    @classmethod
    def render_options(cls, short_prefix, long_prefix, *options, **keywords):
        pairs = []
        for option in options:
            if isinstance(option, str):
                pairs.append((option, None))
            elif isinstance(option, dict):
                pairs.extend(option.items())
            else:
                raise ValueError('Got an unexpected argument to render_options: %s' % repr(option))
        pairs.extend(keywords.items())
        return [cls.render_option(short_prefix, long_prefix, *pair) for pair in pairs]

    @classmethod
    def java(cls, *options, **keywords):
        return ' '.join(cls.render_options('-', '-', *options, **keywords))

    @classmethod
    def python(cls, *options, **keywords):
        return ' '.join(cls.render_options('-', '--', *options, **keywords))


def SimpleTask(name, command):
    return Tasks.simple(name, command)


def SequentialTask(*args, **fields):
    return Tasks.sequential(Task(*args, **fields))


order = Processes.order
combine_tasks = Tasks.combine
concat_tasks = Tasks.concat
java_options = Options.java
python_options = Options.python
