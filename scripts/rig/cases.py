"""Cases of faults: what one is, where it may play, and how it is run and judged."""

import contextlib
import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .house import House

OK, FAILED, NOT_HERE = "ok", "FAILED", "not possible here"
CASES = []


@dataclass
class Case:
    """One row: what is injected, what nightkeep should make of it, and the function that plays it."""

    number: int
    name: str
    injected: str
    expected: str
    play: object
    quick: bool
    limit: int


@dataclass
class Result:
    """What came of a case."""

    case: Case
    verdict: str
    seen: str
    seconds: float


class Failed(Exception):
    """The product did something else than expected."""


class NotHere(Exception):
    """The fault cannot be injected on this machine, or this version has not what it is for."""


def case(number, name, injected, expected, quick=True, limit=60):
    """Declares a case. Its function gets a Place and gives back what was seen."""

    def declare(play):
        CASES.append(Case(number, name, injected, expected, play, quick, limit))
        return play

    return declare


def expect(holds, seen):
    """Fails the case with what was seen."""
    if not holds:
        raise Failed(str(seen))


class Place:
    """Where a case plays: houses, borrowed tools, and the undoing of what it did to the machine."""

    def __init__(self, options, stack):
        self.binary, self.quick, self.stack = options.binary, options.quick, stack
        self.own_mounts = own_mounts()

    def house(self, sessions="", wrap=()):
        return self.stack.enter_context(House(self.binary, sessions, wrap))

    def tool(self, *names):
        for name in names:
            if not shutil.which(name):
                raise NotHere(f"there is no {name}")

    def mounts(self):
        """Asks for mounts that nobody else sees and that go away with this case."""
        if self.own_mounts:
            raise NotHere(self.own_mounts)

    def small_disk(self, house, at, options):
        self.mounts()
        if not house.small_disk(at, options):
            raise NotHere("no tmpfs can be mounted")
        return at

    def ext4(self, house, at, mib=64):
        """A real file system of its own in a file."""
        self.mounts()
        self.tool("mkfs.ext4")
        image = house.dir / f"{at.name}.img"
        with open(image, "wb") as file:
            file.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
        at.mkdir(parents=True, exist_ok=True)
        if not house.mounted(at, ["mount", "-o", "loop", str(image), str(at)]):
            raise NotHere("no loop device can be mounted")
        return at

    def group(self, controller, **settings):
        """A control group (version 1) with limits; removed at the end."""
        root = Path("/sys/fs/cgroup") / controller
        if not (root / "tasks").exists() or not os.access(root, os.W_OK):
            raise NotHere(f"no control group of the kind {controller} (version 1) can be made")
        group = root / f"nightkeep-chaos-{os.getpid()}"
        try:
            group.mkdir(exist_ok=True)
            for name, value in settings.items():
                (group / f"{controller}.{name}").write_text(str(value))
        except OSError as error:
            raise NotHere(f"the control group cannot be set up: {error}") from error

        def remove():
            for pid in map(int, (group / "cgroup.procs").read_text().split()):
                processes.kill(pid)
            for _ in range(50):
                try:
                    return group.rmdir()
                except OSError:
                    time.sleep(0.1)

        self.stack.callback(remove)
        return group

    def strace(self, pid, *inject):
        """Faults in the system calls of a living process and its threads; gives the end of it."""
        self.tool("strace")
        words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + ",".join(i.split(":")[0] for i in inject)]
        for rule in inject:
            words += ["-e", f"inject={rule}"]
        tracer = subprocess.Popen([*words, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
        self.stack.callback(tracer.kill)

        def traced():
            status = Path(f"/proc/{pid}/status").read_text() if processes.alive(pid) else "TracerPid:\t1"
            return tracer.poll() is not None or "TracerPid:\t0" not in status

        processes.until("strace holds the process", traced, 10)
        if tracer.poll() is not None and processes.alive(pid):
            raise NotHere(f"strace cannot attach: {tracer.stderr.read().strip()}")

        def end():
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.wait(3)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()

        return end

    def lacks(self, house, key, toml):
        """Whether `nightkeep check` says that a key has no effect yet."""
        before = house.file.read_text()
        house.write(toml)
        done = house.call("check")
        house.write(before)
        return any(key in line and "not in effect yet" in line for line in (done.stdout + done.stderr).splitlines())


def own_mounts():
    """Leaves the others' mounts; gives why that is not possible."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(0x00020000) != 0:
        return f"no mounts of its own: {os.strerror(ctypes.get_errno())}"
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no mounts of its own: {done.stderr.strip()}"


def play(case, options, answer):
    """Runs one case in a process of its own."""

    def too_long(*_):
        raise TimeoutError(f"not done after {case.limit} s")

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, too_long)
    tempfile.tempdir = None
    with contextlib.ExitStack() as stack:
        try:
            signal.alarm(case.limit)
            verdict, seen = OK, case.play(Place(options, stack))
        except NotHere as why:
            verdict, seen = NOT_HERE, str(why)
        except (Failed, TimeoutError, RuntimeError, subprocess.SubprocessError) as what:
            verdict, seen = FAILED, str(what)
        except Exception:  # noqa: BLE001 - a mistake in a case must not be taken for a verdict on the product
            verdict, seen = FAILED, "the case itself broke: " + traceback.format_exc(limit=-2)
        signal.alarm(0)
        if verdict == FAILED and options.logs:
            for house in stack_houses(stack):
                seen += "\n" + house.daemon_log()[-4000:]
        answer.send((verdict, str(seen)))


def stack_houses(stack):
    return [
        getattr(c[1], "__self__", None) for c in stack._exit_callbacks if isinstance(getattr(c[1], "__self__", None), House)
    ]


def run(cases, options, tell):
    """Plays cases, several at a time, and tells of each as it ends; gives all results in their order."""
    context = multiprocessing.get_context("fork")
    waiting, playing, results = list(cases), {}, []
    try:
        while waiting or playing:
            while waiting and len(playing) < options.jobs:
                one = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                child = context.Process(target=play, args=(one, options, theirs))
                child.start()
                theirs.close()
                playing[child] = (one, ours, time.monotonic())
            for child in [c for c in playing if not c.is_alive()]:
                one, ours, began = playing.pop(child)
                child.join()
                try:
                    verdict, seen = ours.recv()
                except EOFError:
                    verdict, seen = FAILED, f"the case ended with {child.exitcode} and no word"
                results.append(
                    Result(one, verdict, " ".join(seen.split()) if not options.logs else seen, time.monotonic() - began)
                )
                tell(results[-1])
            for child, (one, _, began) in playing.items():
                # Only when its own alarm did not help.
                if time.monotonic() - began > one.limit + 60:
                    child.kill()
            time.sleep(0.05)
    finally:
        for child in playing:
            child.terminate()
        for child in playing:
            child.join(60)
            if child.is_alive():
                child.kill()
                child.join()
        sweep(House.mark)
    return sorted(results, key=lambda r: (r.case.number, r.case.name))


def sweep(mark):
    """Removes what cases could not remove themselves: processes and folders with the mark of this call."""
    for folder in Path("/tmp").glob(f"{mark}*"):
        for _ in range(20):
            left = processes.belonging(folder)
            for pid in left:
                processes.kill(pid)
            if not left:
                break
            time.sleep(0.1)
        subprocess.run(["umount", "-l", *map(str, folder.glob("*/"))], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
