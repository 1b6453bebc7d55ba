"""The script of the hello_world tutorial. It has a bug, on purpose: see docs/tutorials/hello_world.md."""

import time

SLEEP_DELAY = 10


def main():
    for _ in xrang(100):
        print("Hello world! The time is now: %s. Sleeping for %d secs" % (time.asctime(), SLEEP_DELAY))
        time.sleep(SLEEP_DELAY)


if __name__ == "__main__":
    main()
