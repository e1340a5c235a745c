"""Rows 54-60: sockets, hostile clients, notifiers, networks, work folders, and the report."""

import http.server
import json
import socket
import subprocess
import threading
import time
from pathlib import Path

from .. import processes
from ..cases import NotHere, case, expect
from ..processes import until

RUNS = "[sessions.one]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
ONCE = "[defaults]\nretry = { max_attempts = 1 }\n"


@case(54, "the API socket is removed", "rm while the daemon runs", "made again, the daemon is never denied", limit=60)
def api_gone(place):
    house = place.house(RUNS).up()
    pid, daemon = house.until_state("one", "running")["pid"], house.daemon()
    (house.runtime() / "api.sock").unlink()
    began = time.monotonic()
    until(
        "the daemon is reached",
        lambda: (json.loads(house.call("status", "--json").stdout or "{}").get("daemon") or {}).get("pid") == daemon,
        40,
        0.3,
    )
    expect(house.session("one")["pid"] == pid, "another process")
    return f"reached again after {time.monotonic() - began:.0f} s"


@case(
    55,
    "hostile API clients",
    "70 connections that say nothing, one with an endless header, one with a body of 10 MB",
    "others are answered meanwhile, memory stays",
)
def hostile_clients(place):
    house = place.house(RUNS).up()
    daemon = until("a daemon", house.daemon)
    before, crowd = processes.rss(daemon), []
    for _ in range(70):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(2)
        try:
            one.connect(str(house.runtime() / "api.sock"))
            crowd.append(one)
        except OSError:
            break
    talk = [
        b"GET /v1/status HTTP/1.1\r\nX: " + b"x" * (10 << 20),
        b"POST /v1/up HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n"
        + b"x" * (10 << 20),
    ]
    for one, words in zip(crowd, talk):
        try:
            one.sendall(words)
        except OSError:
            pass
    began = time.monotonic()
    until("somebody else is answered", lambda: house.call("status", "--json", seconds=20).returncode == 0, 20)
    took, grown = time.monotonic() - began, processes.rss(daemon) - before
    for one in crowd:
        one.close()
    expect(house.daemon() == daemon and grown < 64 << 10, f"{grown} KiB more")
    return f"{len(crowd)} connections; somebody else answered after {took:.1f} s; {max(grown, 0) >> 10} MiB more memory"


ALERTS = "[alerts]\nmin_severity = 'low'\n[alerts.channels.stub]\ntype = 'webhook'\nurl = 'http://127.0.0.1:PORT/hook'\n"


class Stub(http.server.BaseHTTPRequestHandler):
    """A notifier that answers as it is told to."""

    behaviour, seen = "ok", []

    def do_POST(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode(errors="replace")
        Stub.seen.append((Stub.behaviour, body))
        if Stub.behaviour == "hang":
            time.sleep(30)
        code = {"error": 500, "redirect": 301}.get(Stub.behaviour, 200)
        self.send_response(code)
        if Stub.behaviour == "redirect":
            self.send_header("Location", "file:///etc/passwd")
        if Stub.behaviour == "flood":
            self.end_headers()
            try:
                for _ in range(10_000):
                    self.wfile.write(b"x" * (1 << 20))
            except OSError:
                pass
            return
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@case(
    56,
    "the notifier fails",
    "a webhook that answers 500, then never, then with 10 GB; and one that redirects to file://",
    "nothing waits for it, memory stays, it is told once it works",
    quick=False,
    limit=360,
)
def notifier(place):
    house = place.house()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    toml = ALERTS.replace("PORT", str(server.server_address[1])) + ONCE + "[sessions.fails]\ncommand = 'exit 3'\n" + RUNS
    if place.lacks(house, "alerts", toml):
        raise NotHere("this version sends no alerts yet")
    # Not in the quiet hours, whenever this is run.
    hour = time.localtime().tm_hour
    toml = toml.replace("[alerts]\n", f"[alerts]\nquiet_hours = '{(hour + 6) % 24:02}:00-{(hour + 7) % 24:02}:00'\n")
    Stub.behaviour = "error"
    house.write(toml)
    house.up()
    house.until_state("fails", "failed")
    pid, daemon = house.until_state("one", "running")["pid"], house.daemon()
    before = processes.rss(daemon)
    until("the first try", lambda: Stub.seen, 90, 0.5)
    for behaviour in ("hang", "flood"):
        Stub.behaviour, count = behaviour, len(Stub.seen)
        until(f"a try that meets {behaviour}", lambda n=count: len(Stub.seen) > n, 90, 0.5)
        asked = time.monotonic()
        house.status()
        expect(time.monotonic() - asked < 3, "status waits for the notifier")
    # An answer that says yes and does not end says yes.
    Stub.behaviour = "ok"
    time.sleep(5)
    grown = processes.rss(daemon) - before
    told = next(body for b, body in Stub.seen if b in ("flood", "ok"))
    expect("fails" in told, f"what was told does not name the session: {told[:200]}")
    expect(house.daemon() == daemon and house.session("one")["pid"] == pid and grown < 64 << 10, f"{grown} KiB more")
    met = [b for b, _ in Stub.seen]
    Stub.behaviour = "redirect"
    moved = house.call("alerts", "test", "stub", seconds=60)
    expect(
        moved.returncode == 1 and "root:" not in moved.stdout + moved.stderr, f"alerts test: {moved.returncode} {moved.stderr}"
    )
    return (
        f"tries met {', '.join(met)}; {max(grown, 0) >> 10} MiB more memory; the redirect: "
        f"{(moved.stderr or moved.stdout).strip().splitlines()[0]}"
    )


@case(
    57,
    "no network and no DNS",
    "everything in a network namespace with nothing in it",
    "sessions run as ever; what is to be told waits",
    quick=False,
    limit=90,
)
def no_network(place):
    place.tool("unshare")
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        raise NotHere("no network namespace can be made")
    toml = ALERTS.replace("127.0.0.1:PORT", "nowhere.example") + ONCE + "[sessions.fails]\ncommand = 'exit 3'\n" + RUNS
    house = place.house(toml)
    later = place.lacks(house, "alerts", toml)
    house.up(wrap=["unshare", "-n"])
    house.until_state("fails", "failed")
    pid, daemon = house.until_state("one", "running")["pid"], house.daemon()
    threads = len(list(Path(f"/proc/{daemon}/task").iterdir()))
    time.sleep(10)
    more = len(list(Path(f"/proc/{daemon}/task").iterdir())) - threads
    expect(house.session("one")["pid"] == pid and more < 16, f"{more} threads more")
    return f"sessions run and end as ever, {max(more, 0)} threads more after 10 s" + (
        "; this version sends nothing yet" if later else ""
    )


@case(
    58,
    "the work folder is gone, git is locked",
    "a folder that does not exist; a repository with .git/index.lock; the folder deleted while it runs",
    "told in words, class permanent; the lock harms neither night nor report",
)
def folders(place):
    house = place.house()
    repository = house.dir / "repo"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / "f").write_text("1")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    (repository / ".git/index.lock").touch()
    (house.dir / "shaky").mkdir()
    house.write(
        f"[projects.locked]\ndir = '{repository}'\n" + "[defaults]\nretry = { max_attempts = 2, initial_delay = '100ms' }\n"
        f"[sessions.nowhere]\ncommand = 'true'\ndir = '{house.dir}/shaky'\nafter = ['removes']\n"
        f"[sessions.removes]\ncommand = 'rmdir {house.dir}/shaky'\n"
        "[sessions.works]\nproject = 'locked'\ncommand = 'echo 2 > f'\n"
    )
    house.up()
    gone = house.until_state("nowhere", "failed", seconds=20)
    house.until_state("works", "succeeded")
    house.ok("down", seconds=60)
    report = house.report()
    expect("shaky" in gone["reason"], f"the folder is not named: {gone['reason']}")
    expect(gone["exit"]["class"] == "permanent" and gone["attempt"] == 1, f"{gone['exit']}, attempt {gone['attempt']}")
    expect((repository / ".git/index.lock").exists(), "the lock of somebody else was removed")
    return f"{gone['reason'].replace(str(house.dir), '…')} ({gone['exit']['class']}); the report was written, {report['totals']['files']} changed file in the locked repository"


@case(59, "a transcript is rotated or cut", "mv, truncate", "followed without counting anything twice")
def transcript(place):
    raise NotHere("this version reads no transcripts")


@case(
    60,
    "the report cannot be written",
    "a file stands where the folder of reports should; a full disk at `down` (when not --quick)",
    "down says so, the report is still printed, no half file; written once there is room",
)
def report(place):
    house = place.house(ONCE + "[sessions.one]\ncommand = 'exit 3'\n").up()
    house.until_state("one", "failed")
    for old in (house.logs / "reports").glob("*"):
        old.unlink()
    (house.logs / "reports").rmdir()
    (house.logs / "reports").write_text("in the way")
    down = house.call("down", seconds=40)
    printed = house.call("report", "--format", "text")
    expect(printed.returncode == 0 and "one" in printed.stdout, f"report ended with {printed.returncode}: {printed.stderr}")
    told = (down.stderr + house.daemon_log()).strip()
    expect("report" in told, f"down ended with {down.returncode} and said nothing of it: {down.stderr}")
    seen = f"down ends with {down.returncode} ({(down.stderr.strip() or 'no word').splitlines()[-1].replace(str(house.dir), '…')}), report prints it"
    if place.quick:
        return seen
    if place.own_mounts:
        return seen + "; the full disk: not possible here"
    full = place.house()
    disk = place.small_disk(full, full.dir / "disk", "size=8m")
    full.logs = disk
    full.write(
        f"[paths]\nstate = '{disk}'\n[limits]\nmin_free_disk = '64KiB'\n" + ONCE + "[sessions.one]\ncommand = 'exit 3'\n"
    )
    full.up()
    full.until_state("one", "failed")
    (disk / "reports").mkdir(exist_ok=True)
    ballast = disk / "filler"
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        down = full.call("down", seconds=20)
        word = f"ends with {down.returncode}"
    except subprocess.TimeoutExpired:
        word = "waits"
    halves = [
        f.name for f in (disk / "reports").iterdir() if f.stat().st_size == 0 or (f.suffix == ".json" and not whole_json(f))
    ]
    ballast.unlink()
    if full.daemon():
        full.call("down", seconds=60)
    until("the report is there", lambda: full.call("report", "--format", "json").returncode == 0, 20)
    expect(not halves, f"half reports: {halves}")
    return f"{seen}; on a full disk down {word}, no half file, and the report is there afterwards"


def whole_json(file):
    try:
        json.loads(file.read_text())
        return True
    except ValueError:
        return False
