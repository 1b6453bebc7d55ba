import sys, types, json
sys.path[:] = [entry for entry in sys.path if entry]
mark, modules, request = sys.argv[1:4]
try:
    import pystachio
except ImportError:
    sys.stdout.write(mark + json.dumps({'no_pystachio': sys.executable}) + '\n')
    sys.exit(0)
for name, source in json.loads(modules):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, '<%s>' % name, 'exec'), module.__dict__)
sys.modules['aurora_main'].main(mark, request)
