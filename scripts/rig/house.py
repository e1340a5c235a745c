"""An instance of its own: HOME, runtime folder, sessions.toml, and an end to everything that was started in it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import processes
from .processes import until


class House:
    """One instance, used through its commands and files only."""

    # What the names of all folders of this call begin with, so that none is forgotten.
    mark = f"nkc{os.getpid()}-"

    def __init__(self, binary, sessions="", wrap=()):
        """`wrap` stands before each `nightkeep`: strace, faketime, prlimit, ..."""
        # Short: the path of a Unix socket has at most 107 bytes.
        self.dir = Path(tempfile.mkdtemp(prefix=self.mark, dir="/tmp"))
        self.work, self.run_dir, self.home = self.dir / "w", self.dir / "run", self.dir / "home"
        for folder in (self.work, self.run_dir, self.home):
            folder.mkdir(mode=0o700)
        # The state folder, wherever the file puts it.
        self.logs = self.work / "logs"
        self.binary, self.wrap, self.mounts, self.undo = str(binary), list(wrap), [], []
        keep = ("PATH", "LANG", "LC_ALL", "USER", "LOGNAME", "SHELL")
        self.env = {name: os.environ[name] for name in keep if name in os.environ}
        self.env |= {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.run_dir), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self.write(sessions)

    # ---- the file and its folders

    @property
    def file(self):
        return self.work / "sessions.toml"

    @property
    def truth(self):
        """What the programs wrote themselves."""
        return self.dir / "truth"

    def write(self, sessions):
        """Replaces sessions.toml as editors do: a new file is renamed over the old one."""
        new = self.work / ".sessions.toml.new"
        new.write_text(sessions)
        new.rename(self.file)

    def told(self):
        """The lines of the truth file."""
        return self.truth.read_text().splitlines() if self.truth.exists() else []

    # ---- commands

    def call(self, *args, seconds=60, wrap=None, **env):
        """Runs nightkeep to its end; gives its code, stdout and stderr."""
        line = [*(self.wrap if wrap is None else wrap), self.binary, *map(str, args)]
        return subprocess.run(
            line,
            env=self.env | env,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )

    def ok(self, *args, **options):
        """The same where anything but 0 is a failure; gives stdout."""
        done = self.call(*args, **options)
        if done.returncode != 0:
            raise RuntimeError(f"nightkeep {shlex.join(map(str, args))} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def up(self, **options):
        self.ok("up", "--trust", **options)
        return self

    def serve(self):
        """Starts a daemon and nothing else, as a service manager does; gives its process."""
        line = [*self.wrap, self.binary, "daemon", "--file", str(self.file)]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(line, env=self.env, cwd=self.work, start_new_session=True, **streams)

    def status(self):
        return json.loads(self.ok("status", "--json"))

    def session(self, name):
        return next((s for s in self.status()["sessions"] if s["name"] == name), {"name": name, "state": None, "exit": None})

    def until_state(self, name, *states, seconds=30.0):
        """Waits until a session is in one of these states; gives the session."""

        def reached():
            session = self.session(name)
            return session if session["state"] in states else None

        return until(f"{name} becomes {' or '.join(states)}", reached, seconds)

    def facts(self, kind=None):
        """Journaled entries, of one kind if named: each a dict with seq, at and fact."""
        entries = [json.loads(line) for line in self.ok("export").splitlines()]
        return [e for e in entries if kind is None or e["fact"]["fact"] == kind]

    def kinds(self, kind):
        """The facts of one kind without their times."""
        return [entry["fact"] for entry in self.facts(kind)]

    def ends(self, name):
        """The journaled exits of a session, oldest first."""
        return [f["exit"] for f in self.kinds("attempt_ended") if f["attempt"].split("/")[1] == name]

    def report(self):
        return json.loads(self.ok("report", "--format", "json"))

    def daemon_log(self):
        try:
            return (self.logs / "daemon.log").read_text(errors="replace")
        except OSError:
            return ""

    # ---- processes

    def daemon(self):
        """The daemon's process id, if it lives."""
        try:
            pid = int((self.logs / "daemon.lock").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if processes.alive(pid) and pid in self.mine() else None

    def tmux(self):
        """The tmux server's process id, if it lives."""
        for note in self.run_dir.glob("nightkeep/*/tmux.pid"):
            try:
                pid = json.loads(note.read_text())["pid"]
            except (OSError, ValueError, KeyError):
                continue
            if processes.alive(pid):
                return pid
        return None

    def tmux_socket(self):
        return next(self.run_dir.glob("nightkeep/*/tmux.sock"), None)

    def runtime(self):
        return next(self.run_dir.glob("nightkeep/*"))

    def recorders(self):
        """Recorder's process id -> its run folder."""
        found = {}
        for pid in processes.everyone():
            line = processes.words(pid)
            if line[1:3] == ["exec", "--run"] and len(line) > 3 and line[3].startswith(f"{self.dir}/"):
                found[pid] = Path(line[3])
        return found

    def recorder(self, name):
        """The recorder of a session's running attempt."""
        return next((pid for pid, folder in self.recorders().items() if folder.parent.name == name), None)

    def mine(self):
        return processes.belonging(self.dir)

    def kill_daemon(self):
        """Kills it and waits for its end."""
        pid = until("a daemon", self.daemon, 10)
        processes.kill(pid)
        until("the daemon's death", lambda: not processes.alive(pid), 10)
        return pid

    # ---- disks of its own

    def small_disk(self, at, options):
        """A tmpfs; None when none can be mounted here."""
        at.mkdir(parents=True, exist_ok=True)
        line = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "nightkeep-chaos", str(at)]
        return at if self.mounted(at, line) else None

    def mounted(self, at, line):
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode == 0:
            self.mounts.append(at)
        return done.returncode == 0

    # ---- the end

    def close(self):
        """Undoes faults, ends every process of this instance, unmounts and removes its folder."""
        for undo in reversed(self.undo):
            try:
                undo()
            except Exception:  # noqa: BLE001 - whatever cannot be undone must not keep the rest from being cleaned up
                pass
        for pid in self.mine():
            processes.kill(pid, signal.SIGCONT)
        try:
            if self.daemon():
                self.call("down", "--now", seconds=20, wrap=[])
        except (subprocess.SubprocessError, OSError):
            pass
        for _ in range(50):
            left = self.mine()
            for pid in left:
                processes.kill(pid)
            if not left:
                break
            try:
                until("the end of all processes", lambda: not self.mine(), 0.5)
            except TimeoutError:
                continue
        for at in reversed(self.mounts):
            if subprocess.run(["umount", str(at)], capture_output=True).returncode != 0:
                subprocess.run(["umount", "-l", str(at)], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
