"""Waiting, within limits, for what comes by itself."""

import time

START_SECONDS_MAX = 120
LOG_SHOWN_BYTES = 8000


def wait_until(what, condition, seconds, error=TimeoutError, look_seconds=0.02):
    """Returns what the condition gave once that is true; raises `error` if it takes longer."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > give_up:
            raise error(f"waited in vain until {what}")
        time.sleep(look_seconds)
    return found


def wait_until_ready(what, process, log, is_ready, error, look_seconds=0.02):
    """For a server that was just started, and writes what it says to `log`; raises `error`, with
    the end of that, if it ends instead."""
    def said():
        return log.read_text(errors="replace")[-LOG_SHOWN_BYTES:]

    def is_ready_or_has_ended():
        if process.poll() is not None:
            raise error(f"{what} ended with {process.returncode}:\n{said()}")
        return is_ready()

    wait_until(f"{what} is ready", is_ready_or_has_ended, START_SECONDS_MAX,
               lambda vain: error(f"{vain}:\n{said()}"), look_seconds)
