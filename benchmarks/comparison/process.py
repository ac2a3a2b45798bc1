"""Runs other programs."""

import os
import subprocess
import sys
import time


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_logged(command, log, env=None):
    """Ends the script with the end of the log when the command fails."""
    say("$ " + " ".join(map(str, command)))
    with open(log, "ab") as file:
        code = subprocess.run(list(map(str, command)), stdout=file, stderr=file, env=env, check=False).returncode
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        sys.exit(f"{tail}\nerror: exit {code} of {command[0]}; the whole log: {log}")


def output_of(command):
    """Standard output, and the seconds until the end; exit codes other than 0 raise with what was said."""
    started = time.monotonic()
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
        raise RuntimeError(f"exit {done.returncode} of {' '.join(map(str, command))}: {' '.join(said)}")
    return done.stdout.decode(errors="replace"), seconds


def processors():
    return len(os.sched_getaffinity(0))
