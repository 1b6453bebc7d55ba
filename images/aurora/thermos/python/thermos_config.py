"""Evaluates one Thermos configuration and answers with the task that it exports.

A configuration is Python with the task's types in it and `export(task)`, or the task as JSON. The
answer is one line of JSON on stdout behind a mark; before it stands what the file itself printed.
"""
import json
import os
import pprint
import re
import sys
import types

PORT = re.compile(r'^thermos\.ports\[([^\]]+)\]$')


class Usage(Exception):
    """The command line does not fit the file."""


def answer(request):
    from pystachio import Ref
    import aurora_helpers
    import aurora_schema
    exported = load(request, aurora_schema, aurora_helpers)
    task = pick(exported, request['task'])
    task = task.bind(*[{Ref.from_address(name): value} for name, value in request['bindings']])
    _, refs = task.interpolate()
    ports = [PORT.match(ref.address()) for ref in refs]
    task = task.bind(*[{Ref.from_address('thermos.ports[%s]' % name): str(port)}
                       for name, port in request['ports'].items()])
    task = task.bind({Ref.from_address('thermos.user'): request['user']})
    check = task.check()
    if not check.ok():
        raise ValueError(check.message())
    interpolated, _ = task.interpolate()
    return {
        'task': interpolated.get(),
        'ports': sorted(port.group(1) for port in ports if port),
        'pretty': pprint.pformat(plain(interpolated.get()), indent=4),
    }


def load(request, schema, helpers):
    """Every task that a file exports."""
    if request['json']:
        with open(request['file']) as source:
            return [schema.Task(json.load(source))]
    exported = []
    stack = ['']
    names = {}
    exec('from pystachio import *', names)
    for module in (schema, helpers):
        names.update((name, value) for name, value in vars(module).items()
                     if not name.startswith('_'))

    def export(task):
        exported.append(schema.Task(task) if isinstance(task, dict) else task)

    def include(path):
        path = os.path.join(os.path.dirname(stack[-1]), path)
        with open(path) as source:
            code = compile(source.read(), path, 'exec')
        stack.append(path)
        try:
            exec(code, names)
        finally:
            stack.pop()

    names['export'] = export
    names['include'] = include
    include(request['file'])
    return exported


def pick(tasks, name):
    """The one task that is meant."""
    if not tasks:
        raise Usage('No tasks specified!')
    if name is None:
        if len(tasks) > 1:
            raise Usage('Multiple tasks in config but no task name specified!')
        return tasks[0]
    for task in tasks:
        if str(task.name()) == name:
            return task
    raise Usage('Could not find task %s!' % name)


def plain(value):
    """pystachio's frozen values as Python's own."""
    if isinstance(value, dict):
        return dict((key, plain(item)) for key, item in value.items())
    if isinstance(value, (list, tuple, set)):
        return tuple(plain(item) for item in value)
    return value


def main(mark, modules, request):
    try:
        import pystachio  # noqa: F401
        for name, source in json.loads(modules):
            module = types.ModuleType(name)
            sys.modules[name] = module
            exec(compile(source, '<%s>' % name, 'exec'), module.__dict__)
        result = answer(json.loads(request))
    except Usage as error:
        result = {'usage': str(error)}
    except ImportError as error:
        result = {'error': '%s: %s; `-m pip install pystachio==0.8.10` brings pystachio' % (sys.executable, error)}
    except Exception as error:
        result = {'error': '%s: %s' % (type(error).__name__, error)}
    sys.stdout.flush()
    sys.stdout.write(mark + json.dumps(result) + '\n')
    sys.stdout.flush()


sys.path[:] = [entry for entry in sys.path if entry]
main(*sys.argv[1:4])
