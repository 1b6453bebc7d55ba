"""Answers one request of the client: the job of a key, or the keys of all jobs, in a file.

The answer is one line of JSON on stdout behind a mark that only this run knows; everything before
it is what the file itself printed.
"""
import json
import sys

from pystachio import Ref

import aurora_loader
import aurora_validation as validation
from aurora_schema import MesosJob

IMAGES = Ref.from_address('docker.image')


def standard_bindings(job):
    return job.bind({
        Ref.from_address('mesos.role'): '{{role}}',
        Ref.from_address('mesos.cluster'): '{{cluster}}',
        Ref.from_address('thermos.user'): '{{role}}',
    })


def describe(job, registries):
    """A job as the client needs it: interpolated, checked, with the ports to allocate."""
    validation.check_required(job)
    job = standard_bindings(job)
    validation.check_types(job)
    interpolated, unbound = job.interpolate()
    if any(IMAGES.scoped_to(ref) is not None for ref in unbound):
        # Most jobs name no image, and the HTTP client takes longer to import than a job to evaluate.
        import aurora_docker
        job = aurora_docker.bind(job, registries)
        interpolated, unbound = job.interpolate()
    allocated = validation.ports(job, interpolated)
    validation.check_update(interpolated)
    validation.check_announce(interpolated, allocated)
    validation.check_deprecated(interpolated)
    validation.check_thrift(interpolated)
    validation.check_bound(interpolated, unbound)
    description = {
        'job': interpolated.get(),
        'ports': allocated,
        'field_order': list(MesosJob.TYPEMAP),
    }
    return interpolated, description


def answer(request):
    """What is told of a file; and, if its job wants hooks, that job with them."""
    bindings = [{Ref.from_address(name): value} for name, value in request['bindings']]
    names = aurora_loader.load(request['file'], request['json'])
    jobs = aurora_loader.bound(names, bindings)
    if request['key'] is None:
        return {'keys': [aurora_loader.path_of(job) for job in jobs]}, None
    job, description = describe(
        aurora_loader.pick(jobs, tuple(request['key'])), request['registries'])
    hooks = names.get('hooks') or []
    hooked = bool(hooks) and job.enable_hooks().get() and request['channel'] is not None
    description['hooked'] = hooked
    return description, (job, hooks) if hooked else None


def users_traceback(error):
    """The error's traceback without our own frames."""
    import traceback
    trace = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in trace.stack if not frame.filename.startswith('<aurora')]
    trace.stack[:] = frames
    return ''.join(trace.format())


def main(mark, request):
    request, hooked = json.loads(request), None
    try:
        result, hooked = answer(request)
    except validation.Fatal as error:
        result = {'fatal': str(error)}
    except Exception as error:
        result = {'error': str(error), 'traceback': users_traceback(error)}
    sys.stdout.flush()
    sys.stdout.write(mark + json.dumps(result) + '\n')
    sys.stdout.flush()
    if hooked:
        import aurora_hooks
        job, hooks = hooked
        aurora_hooks.serve(job, hooks, request['channel'], request['stdout'])
