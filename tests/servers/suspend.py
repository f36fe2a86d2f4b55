"""A server's process that stands still, as on a machine that hangs."""

import os
import signal


def suspend(process):
    """On return no thread of it runs, until it is sent SIGCONT. It must be a child of ours."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
