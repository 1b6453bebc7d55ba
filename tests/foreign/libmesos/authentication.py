"""Drivers that say who they are, and drivers that do not: registered, or which error.

usage: authentication.py FRAMEWORK MASTER     (of a master that knows the principal `p` by the secret `right`)
"""

import sys

from driver import Driver
from plain import plain

WHO = 'user: "u" name: "n"'
DRIVERS = {
    "the right secret": (f'{WHO} principal: "p"', 'principal: "p" secret: "right"'),
    "the right secret and no principal": (WHO, 'principal: "p" secret: "right"'),
    "the right secret and another principal": (f'{WHO} principal: "q"', 'principal: "p" secret: "right"'),
    "a wrong secret": (f'{WHO} principal: "p"', 'principal: "p" secret: "wrong"'),
    "an unknown principal": (f'{WHO} principal: "q"', 'principal: "q" secret: "right"'),
    "nothing": (f'{WHO} principal: "p"', ""),
}


def main(framework, master):
    for name, (info, credential) in DRIVERS.items():
        driver = Driver(framework, master, info, credential=credential)
        line = driver.next(lambda line: line[0] in ("registered", "error"))
        print(f"{name}: {plain(' '.join(line))}", flush=True)
        driver.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
