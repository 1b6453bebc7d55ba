"""Runs Mesos' own command line, as PyPI's avmesos-cli has it.

usage: mesos_cli.py ARGUMENT...

That package was renamed, and one of its files still says `mesos` where it means itself; another imports a module that
newer Pythons lack and does not need it.
"""

import builtins
import importlib
import runpy
import sys
import types

sys.modules.setdefault("imp", types.ModuleType("imp"))
builtins.mesos = importlib.import_module("avmesos")
for part in ("http", "recordio", "exceptions"):
    importlib.import_module(f"avmesos.{part}")
runpy.run_module("avmesos.cli.mesos-cli", run_name="__main__", alter_sys=True)
