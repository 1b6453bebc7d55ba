"""What differs from run to run, and from master to master, taken out of what a driver printed."""

import re

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
STEPS = [
    (UUID + r"-S\d+", "AGENT"),
    (UUID + r"-O\d+", "OFFER"),
    (UUID + r"-\d{4}\b", "FRAMEWORK"),
    (r'container_id \{ value: "[^"]*" \}', 'container_id { value: "CONTAINER" }'),
    (UUID, "UUID"),
    (r'\buuid: "(?:[^"\\]|\\.)*"', 'uuid: "UUID"'),
    (r"\b(timestamp|executor_pid): \S+", r"\1: N"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\bport: \d+ (pid|\})", r"port: PORT \1"),
    (r"executor\(\d+\)@", "executor@"),
    (r"scheduler-UUID", "SCHEDULER"),
    # What else is just in use depends on the moment.
    (r"(more than available) [^\"]*", r"\1 WHAT IS OFFERED"),
    (r'("message": "(?:Invalid \w+ operation: )?)[^"]* (does not contain) ', r"\1WHAT IS OFFERED \2 "),
    (r'("?version"?): "1\.1\d\.\d"', r'\1: "1.x"'),
    (r'"port": \d+', '"port": PORT'),
    # The original forgets what this capability is called when it speaks v1.
    (r'\{"type": "QUOTA_V2"\}', "{}"),
]


def plain(text):
    for pattern, instead in STEPS:
        text = re.sub(pattern, instead, text)
    return text
