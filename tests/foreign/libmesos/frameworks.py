"""What a framework may say of itself: registered, or which error.

usage: frameworks.py FRAMEWORK MASTER
"""

import sys

from driver import Driver
from plain import plain

MULTI = "capabilities { type: MULTI_ROLE }"
FRAMEWORKS = {
    "as little as possible": ('user: "u" name: "n"',),
    "no name": ('user: "u" name: ""',),
    "a role": ('user: "u" name: "n" role: "a/b"',),
    "a bad role": ('user: "u" name: "n" role: "a b"',),
    "an empty role": ('user: "u" name: "n" role: ""',),
    "a role of dots": ('user: "u" name: "n" role: ".."',),
    "a role with a dash": ('user: "u" name: "n" role: "-a"',),
    "a role with a slash before": ('user: "u" name: "n" role: "/a"',),
    "a role with a slash behind": ('user: "u" name: "n" role: "a/"',),
    "a role with two slashes": ('user: "u" name: "n" role: "a//b"',),
    "a role with a star": ('user: "u" name: "n" role: "a/*"',),
    "a role with a dot inside": ('user: "u" name: "n" role: "a/./b"',),
    "a role with a tab": (r'user: "u" name: "n" role: "a\tb"',),
    "a role with a backslash": (r'user: "u" name: "n" role: "a\\b"',),
    "roles without the capability": ('user: "u" name: "n" roles: "a"',),
    "roles with the capability": (f'user: "u" name: "n" roles: "a" roles: "b" {MULTI}',),
    "no roles with the capability": (f'user: "u" name: "n" {MULTI}',),
    "a role with the capability": (f'user: "u" name: "n" role: "a" {MULTI}',),
    "a role twice": (f'user: "u" name: "n" roles: "a" roles: "a" {MULTI}',),
    "two roles twice": (f'user: "u" name: "n" roles: "a" roles: "b" roles: "b" roles: "a" {MULTI}',),
    "a bad role of two": (f'user: "u" name: "n" roles: "a" roles: "-b" {MULTI}',),
    "a star of two": (f'user: "u" name: "n" roles: "a" roles: "*" {MULTI}',),
    "an id with a slash": ('user: "u" name: "n" id { value: "a/b" } failover_timeout: 1',),
    "an id that nobody knows": ('user: "u" name: "n" id { value: "unknown" } failover_timeout: 1',),
    "an id of nothing": ('user: "u" name: "n" id { value: "" }',),
    "an id of a dot": ('user: "u" name: "n" id { value: "." } failover_timeout: 1',),
    "a timeout below zero": ('user: "u" name: "n" failover_timeout: -1',),
    "a timeout of no number": ('user: "u" name: "n" failover_timeout: nan',),
    "an endless timeout": ('user: "u" name: "n" failover_timeout: inf',),
    "a timeout too long": ('user: "u" name: "n" failover_timeout: 1e30',),
    "a timeout of a century": ('user: "u" name: "n" failover_timeout: 3e9',),
    "a suppressed role": (f'user: "u" name: "n" roles: "a" roles: "b" {MULTI}', "a"),
    "a suppressed role of others": (f'user: "u" name: "n" roles: "a" {MULTI}', "b"),
    "suppressed roles of others": (f'user: "u" name: "n" roles: "a" {MULTI}', "b", "c"),
    "a suppressed role that cannot be": (f'user: "u" name: "n" roles: "a" {MULTI}', "-b"),
    "the star suppressed": ('user: "u" name: "n"', "*"),
    "offer filters of a role": (
        f'user: "u" name: "n" roles: "a" {MULTI} offer_filters {{ key: "a" value {{ '
        'min_allocatable_resources { quantities { quantities { key: "cpus" value { value: 1 } } } } } }',),
    "offer filters of another role": (
        f'user: "u" name: "n" roles: "a" {MULTI} offer_filters {{ key: "b" value {{ '
        'min_allocatable_resources { quantities { quantities { key: "cpus" value { value: 1 } } } } } }',),
    "offer filters of nothing": (
        f'user: "u" name: "n" roles: "a" {MULTI} offer_filters {{ key: "a" value {{ min_allocatable_resources {{ '
        'quantities { } } } }',),
    "offer filters below zero": (
        f'user: "u" name: "n" roles: "a" {MULTI} offer_filters {{ key: "a" value {{ '
        'min_allocatable_resources { quantities { quantities { key: "cpus" value { value: -1 } } } } } }',),
    "offer filters of no number": (
        f'user: "u" name: "n" roles: "a" {MULTI} offer_filters {{ key: "a" value {{ '
        'min_allocatable_resources { quantities { quantities { key: "cpus" value { value: nan } } } } } }',),
}


def main(framework, master):
    for name, (info, *suppressed) in FRAMEWORKS.items():
        driver = Driver(framework, master, info, suppressed=suppressed)
        line = driver.next(lambda line: line[0] in ("registered", "error"))
        print(f"{name}: {plain(' '.join(line))}", flush=True)
        driver.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
