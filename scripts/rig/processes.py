"""Processes as /proc shows them, and waiting with a deadline."""

import os
import signal
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """Fields of /proc/PID/stat from the state on, or None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def alive(pid):
    """Whether it exists and is no zombie."""
    fields = stat(pid) if pid else None
    return bool(fields) and fields[0] != "Z"


def words(pid):
    """The command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def everyone():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def below(root):
    """All living descendants of a process."""
    children = {}
    for pid in everyone():
        if fields := stat(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found, left = [], [root]
    while left:
        for pid in children.get(left.pop(), []):
            found.append(pid)
            left.append(pid)
    return found


def belonging(folder):
    """Living processes with this folder in their words, their environment or as their directory: those we started."""
    marker, found = str(folder).encode(), []
    for pid in everyone():
        if pid == os.getpid():
            continue
        try:
            where = os.readlink(f"/proc/{pid}/cwd").encode()
        except OSError:
            where = b""
        seen = where == marker or where.startswith(marker + b"/")
        for name in () if seen else ("cmdline", "environ"):
            try:
                seen = seen or marker in Path(f"/proc/{pid}/{name}").read_bytes()
            except OSError:
                pass
        if seen and alive(pid):
            found.append(pid)
    return found


def kill(pid, sig=signal.SIGKILL):
    """Sends a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, sig)
        return True
    except ProcessLookupError:
        return False


def cpu(pid):
    """CPU seconds of a living process."""
    fields = stat(pid)
    return sum(int(f) for f in fields[11:13]) / TICK if fields else 0.0


def rss(pid):
    """Resident KiB of a process."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def fds(pid):
    """How many files a process has open."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def until(what, condition, seconds=30.0, pause=0.05):
    """Waits for a condition with a deadline and gives its value back."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(pause)


def holds_for(condition, seconds, pause=0.1):
    """Whether a condition holds at each look for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        time.sleep(pause)
    return True
