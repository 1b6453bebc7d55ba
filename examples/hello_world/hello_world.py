"""Says hello every ten seconds, a hundred times. There is a bug in it, for the tutorial to find."""
import time

SLEEP_DELAY = 10


def main():
    # The bug: the function is spelt `range`.
    for _ in xrang(100):
        print('Hello world! The time is now: %s. Sleeping for %d secs'
              % (time.asctime(), SLEEP_DELAY), flush=True)
        time.sleep(SLEEP_DELAY)


if __name__ == '__main__':
    main()
