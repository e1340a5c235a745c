"""Rows 43-49: the daemon is killed, crashes, hangs, is started twice, or runs out of what a process needs."""

import json
import random
import resource
import signal
import socket
import subprocess
import time

from .. import processes
from ..cases import NotHere, case, expect
from ..processes import until

RUNS = "[sessions.one]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"


@case(
    43,
    "the daemon is killed at any point",
    "kill -9 at random moments of a busy night, 12 times (100 when not --quick)",
    "nothing lost, nothing started twice, every exit known",
    limit=300,
)
def any_point(place):
    kills, house, dice = 12 if place.quick else 100, place.house(), random.Random(43)
    lines = ["[limits]\nconcurrent = 6\n[defaults]\nretry = { max_attempts = 1 }\n"]
    for n in range(kills * 2 + 10):
        code = 10 + n % 10
        lines.append(
            f"[sessions.s{n}]\ncommand = 'echo start $NIGHTKEEP_ATTEMPT >> {house.truth}; sleep 0.{n % 10};"
            f" echo end $NIGHTKEEP_ATTEMPT {code} >> {house.truth}; exit {code}'\nsuccess = {{ exit_codes = [{code}] }}\n"
        )
    house.write("".join(lines))
    house.up()
    for _ in range(kills):
        time.sleep(dice.uniform(0, 0.12))
        house.kill_daemon()
        house.up()
    house.ok("down", seconds=60)
    told = [line.split() for line in house.told()]
    starts = [words[1] for words in told if words[0] == "start"]
    ends = {words[1]: int(words[2]) for words in told if words[0] == "end"}
    journaled = {}
    for fact in house.kinds("attempt_ended"):
        expect(fact["attempt"] not in journaled, f"two ends of {fact['attempt']}")
        journaled[fact["attempt"]] = fact["exit"]
    expect(len(starts) == len(set(starts)), "something was started twice")
    expect(set(starts) <= set(journaled), f"no end of {sorted(set(starts) - set(journaled))[:3]}")
    wrong = [a for a, code in ends.items() if journaled[a]["ending"].get("code") != code and not journaled[a]["stopped"]]
    lost = [a for a, e in journaled.items() if e["ending"]["kind"] == "lost"]
    expect(not wrong and not lost, f"wrong: {wrong[:3]}, lost: {lost[:3]}")
    return f"{kills} kills, {len(starts)} starts, each once; {len(ends)} exits, all exact, 0 lost"


@case(
    44,
    "the daemon crashes by itself",
    "SIGKILL by somebody, then SIGABRT, SIGSEGV and SIGBUS as faults of its own, each time started again as a service would",
    "the sessions live on; three faults of its own within 10 min are safe mode, a kill is none; `up` ends it",
)
def crashes(place):
    house = place.house(RUNS).up()
    pid = house.until_state("one", "running")["pid"]
    modes = []
    for sig in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):
        daemon = house.daemon()
        processes.kill(daemon, sig)
        until("its end", lambda daemon=daemon: not processes.alive(daemon), 5)
        again = house.serve()
        until("the next one", lambda: house.status()["daemon"], 10)
        modes.append(house.status()["safe_mode"])
        expect(house.daemon() == again.pid, f"daemon {house.daemon()} instead of {again.pid}")
    expect(modes[:3] == [None, None, None], f"safe mode before the third fault: {modes}")
    expect(modes[3] and "3 times" in modes[3], f"no safe mode after the third fault: {modes}")
    told = [fact["what"] for fact in house.kinds("daemon_crashed")]
    expect(told == [f"ended by {name}" for name in ("SIGABRT", "SIGSEGV", "SIGBUS")], f"crashes told: {told}")
    now = house.session("one")
    expect((now["pid"], now["attempt"], now["state"]) == (pid, 1, "running"), now)
    mode = modes[3]
    house.up()
    expect(house.status()["safe_mode"] is None, "`up` did not end it")
    return f"a kill is none; after the third fault: {mode}; same process and attempt all along; `up` ends it"


@case(
    45,
    "the daemon hangs",
    "SIGSTOP, then asked",
    "status tells within 3 s from the journal that the daemon does not answer, nothing runs twice; all goes on after it",
    quick=False,
    limit=90,
)
def hangs(place):
    house = place.house(RUNS).up()
    pid, daemon = house.until_state("one", "running")["pid"], house.daemon()
    processes.kill(daemon, signal.SIGSTOP)
    house.undo.append(lambda: processes.kill(daemon, signal.SIGCONT))
    began = time.monotonic()
    try:
        status = house.call("status", seconds=30)
        took = time.monotonic() - began
        document = house.call("status", "--json", seconds=30)
        second = house.call("up", seconds=40)
    except subprocess.TimeoutExpired as error:
        processes.kill(daemon, signal.SIGCONT)
        expect(False, f"{' '.join(error.cmd[1:])} did not come back within {error.timeout:.0f} s")
    processes.kill(daemon, signal.SIGCONT)
    until("it answers again", lambda: house.call("status").returncode == 0, 10)
    expect(house.daemon() == daemon and house.session("one")["pid"] == pid, "another daemon or another process")
    said = (status.stderr.strip() or "nothing").splitlines()[0]
    expect(took < 3.5, f"status came back after {took:.1f} s")
    expect(status.returncode == 0 and "did not answer" in said and "one" in status.stdout, f"status said {said}")
    expect(json.loads(document.stdout)["daemon"] is None, "the document names a daemon that does not answer")
    expect(second.returncode == 124, f"up ended with {second.returncode}")
    return f"status came back after {took:.1f} s ({said}), up with {second.returncode}; same daemon and process after it"


@case(
    46,
    "two daemons",
    "a second one in the foreground; then kill -9 of the first",
    "the second ends with 1 (docs/cli.md has one table) and names the first; the lock of a dead one is free",
)
def two(place):
    house = place.house(RUNS).up()
    pid, first = house.until_state("one", "running")["pid"], house.daemon()
    second = house.call("up", "--foreground", seconds=20)
    expect(house.daemon() == first, "the first one is gone")
    expect(second.returncode == 1 and str(first) in second.stderr, f"ended with {second.returncode}: {second.stderr.strip()}")
    house.kill_daemon()
    house.up()
    expect(house.session("one")["pid"] == pid, "another process")
    return f"the second ends with {second.returncode}: {second.stderr.strip().splitlines()[0]}; after kill -9 the next one starts at once"


def limited(pid, what, soft):
    """Sets a limit of a living process; gives the undoing."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (soft, before[1]))
    return lambda: resource.prlimit(pid, what, before)


@case(
    47,
    "no file descriptors are left",
    "the daemon's limit is what it has open plus 2, and 40 connections, for 4 s",
    "it lives, the session runs on, and it answers again afterwards",
)
def descriptors(place):
    house = place.house(RUNS + f"[sessions.two]\ncommand = 'true'\nafter = ['one']\n").up()
    pid, daemon = house.until_state("one", "running")["pid"], house.daemon()
    back = limited(daemon, resource.RLIMIT_NOFILE, processes.fds(daemon) + 2)
    used, crowd = processes.cpu(daemon), []
    try:
        for _ in range(40):
            one = socket.socket(socket.AF_UNIX)
            one.settimeout(1)
            try:
                one.connect(str(house.runtime() / "api.sock"))
            except OSError:
                break
            crowd.append(one)
        time.sleep(4)
        busy = processes.cpu(daemon) - used
    finally:
        for one in crowd:
            one.close()
        if processes.alive(daemon):
            back()
    expect(house.daemon() == daemon, f"the daemon ended: {house.daemon_log()[-300:]}")
    until("it answers again", lambda: house.call("status").returncode == 0, 15)
    expect(busy < 3.0, f"it used {busy:.1f} s of CPU in 4 s")
    house.ok("start", "two")
    house.until_state("two", "succeeded", seconds=60)
    expect(house.session("one")["pid"] == pid, "another process")
    return f"lived with {len(crowd)} connections waiting, {busy:.1f} s CPU in 4 s; a session starts afterwards"


@case(
    48,
    "files may not grow",
    "RLIMIT_FSIZE of the daemon and of a recorder at what their files have, for 4 s",
    "no SIGXFSZ kills them; the program lives, what is missing is counted; all is kept afterwards",
)
def file_size(place):
    house = place.house()
    house.write(
        "[defaults]\nretry = { max_attempts = 1 }\n[sessions.one]\ncommand = 'for i in $(seq 60); do echo line $i; sleep 0.1; done; exit 7'\n"
        f"[sessions.two]\ncommand = 'echo two >> {house.truth}'\nafter = [{{ session = 'one', on = 'end' }}]\n"
    )
    house.up()
    until("it prints", lambda: (house.session("one")["output"] or {}).get("bytes"))
    daemon, recorder = house.daemon(), house.recorder("one")
    back = [limited(daemon, resource.RLIMIT_FSIZE, 4096), limited(recorder, resource.RLIMIT_FSIZE, 100)]
    time.sleep(4)
    lived = processes.alive(daemon), processes.alive(recorder)
    for undo, alive in zip(back, lived):
        if alive:
            undo()
    expect(lived[1], "the recorder was killed")
    if not lived[0]:
        house.up()
    house.until_state("two", "succeeded", seconds=60)
    end = house.ends("one")
    expect(len(end) == 1 and end[0]["ending"].get("code") == 7, end)
    expect(lived[0], f"the daemon ended: {house.daemon_log()[-300:]}")
    return f"both lived; exit 7, {end[0]['output_bytes']} bytes printed, {end[0]['lost_bytes']} counted as lost; the next session ran after it"


@case(
    49,
    "no inotify watches are left",
    "a user namespace that allows none",
    "told, and the file is followed all the same, at least every 10 s",
    limit=90,
)
def inotify(place):
    probe = [
        "unshare",
        "-U",
        "-r",
        "sh",
        "-c",
        "echo 0 > /proc/sys/user/max_inotify_watches && cat /proc/sys/user/max_inotify_watches",
    ]
    place.tool("unshare")
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.stdout.strip() != "0":
        raise NotHere(f"no user namespace with its own limit: {done.stderr.strip()}")
    wrap = ["unshare", "-U", "-r", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_watches; exec "$@"', "in-namespace"]
    house = place.house(RUNS)
    house.up(wrap=wrap)
    pid = house.until_state("one", "running")["pid"]
    house.write(RUNS + "[sessions.more]\ncommand = 'true'\n")
    told = [t["what"] for t in house.kinds("trouble")]
    try:
        until("the change counts", lambda: any(s["name"] == "more" for s in house.status()["sessions"]), 20, 0.3)
    except TimeoutError:
        expect(False, f"a changed file is not followed; told: {told or house.daemon_log()[-400:]}")
    expect(house.session("one")["pid"] == pid, "another process")
    return f"followed; told: {told or 'nothing'}"
