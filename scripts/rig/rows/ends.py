"""Rows 1-9: how programs end, and what they leave behind."""

import json
import os
import subprocess
import time

from .. import processes
from ..cases import NotHere, case, expect
from ..processes import until

ONCE = "[defaults]\nretry = { max_attempts = 1 }\nstop_grace = '2s'\n"


def ending(exit_record):
    return exit_record["ending"].get("code"), exit_record["ending"].get("signal")


@case(
    1, "exits 0, 3 and 127", "three programs that leave by themselves", "each code once, the right class, journaled within 1 s"
)
def codes(place):
    codes = {"zero": 0, "three": 3, "missing": 127}
    house = place.house()
    lines = [f"[sessions.{n}]\ncommand = 'date +%s%N >> {house.dir}/{n}; exit {c}'\n" for n, c in codes.items()]
    house.write(ONCE + "".join(lines))
    house.up()
    for name, code in codes.items():
        house.until_state(name, "failed" if code else "succeeded")
    seen, late = [], 0.0
    for name, code in codes.items():
        ends = house.ends(name)
        expect(len(ends) == 1 and ending(ends[0]) == (code, None), f"{name}: {ends}")
        told = next(e for e in house.facts("attempt_ended") if f"/{name}/" in e["fact"]["attempt"])
        late = max(late, told["at"]["wall"] / 1000 - int((house.dir / name).read_text()) / 1e9)
        seen.append(f"{code} {house.session(name)['exit']['class'] or 'good'}")
    expect(late < 1.0, f"journaled after {late:.2f} s")
    return f"{', '.join(seen)}; one exit each, journaled after {late * 1000:.0f} ms at most"


@case(
    2,
    "ended by signals 9, 11 and 15",
    "programs that are killed from outside, one of them with a core",
    "signal and core flag exact",
)
def signals(place):
    numbers = {"s9": 9, "s11": 11, "s15": 15}
    house = place.house(
        ONCE
        + "".join(f"[sessions.{n}]\ncommand = 'ulimit -c 0; exec sleep 600'\n" for n in numbers)
        + "[sessions.cored]\ncommand = 'ulimit -c unlimited; kill -6 $$'\n"
    )
    house.up()
    for name, number in numbers.items():
        processes.kill(house.until_state(name, "running")["pid"], number)
    for name, number in numbers.items():
        house.until_state(name, "failed")
        end = house.ends(name)[0]["ending"]
        expect((end["signal"], end["core"]) == (number, False), f"{name}: {end}")
    house.until_state("cored", "failed")
    # The same without nightkeep says what this machine does about cores.
    mine = subprocess.Popen(["sh", "-c", "ulimit -c unlimited; kill -6 $$"], cwd=house.work)
    truth = os.WCOREDUMP(os.waitpid(mine.pid, 0)[1])
    end = house.ends("cored")[0]["ending"]
    expect((end["signal"], end["core"]) == (6, truth), f"cored: {end}, without nightkeep: core {truth}")
    return f"9, 11, 15 without a core, 6 with core={truth} as this machine says"


@case(3, "exit 137 without a signal", "exit 137", "a code, not taken for a SIGKILL or for memory")
def looks_killed(place):
    house = place.house(ONCE + "[sessions.one]\ncommand = 'exit 137'\n").up()
    told = house.until_state("one", "failed")["exit"]
    expect((told["code"], told["signal"], told["oom"], told["class"]) == (137, None, False, "transient"), told)
    return f"code 137, no signal, {told['class']} by {told['rule']}"


@case(
    4,
    "a grandchild outlives the program",
    "setsid + nohup, then exit; and another one that is stopped",
    "counted as orphan and ended; a stop reaches it as well",
)
def orphans(place):
    house = place.house()
    leave = "setsid nohup sleep 7777 >/dev/null 2>&1 & echo $! >> {0}/truth; sleep 0.5;"
    house.write(
        ONCE
        + f"[sessions.leaves]\ncommand = '{leave.format(house.dir)} exit 0'\n"
        + f"[sessions.stopped]\ncommand = '{leave.format(house.dir)} sleep 600'\n"
    )
    house.up()
    house.until_state("leaves", "succeeded")
    left = house.ends("leaves")[0]["orphans"]
    expect(left == 1, f"orphans: {left}")
    house.until_state("stopped", "running")
    until("both have forked", lambda: len(house.told()) == 2)
    time.sleep(0.6)
    house.ok("stop", "stopped")
    house.until_state("stopped", "stopped")
    alive = [pid for pid in map(int, house.told()) if processes.alive(pid)]
    expect(not alive, f"still alive: {alive}")
    return "1 orphan counted and ended; the stop reached the other one"


STALL = "[sessions.one]\ncommand = 'echo working; sleep 600'\nstall = '10s'\non_stall = 'alert'\n"


@case(5, "the program is stopped (SIGSTOP)", "kill -STOP", "found as stalled, and that it is stopped is named", quick=False, limit=120)
def stopped(place):
    house = place.house(STALL)
    if place.lacks(house, "stall", STALL):
        raise NotHere("this version does not look for stalls yet")
    house.up()
    pid = house.until_state("one", "running")["pid"]
    processes.kill(pid, 19)

    def stalled():
        session = house.session("one")
        findings = [f for f in session.get("findings", []) if f.get("kind") == "stalled"]
        return session["activity"] == "stalled" or findings

    until("it is called stalled", stalled, 60, 0.5)
    told = json.dumps(house.session("one").get("findings", [])) + house.ok("why", "one")
    evidence = house.session("one")["activity_evidence"]
    expect(processes.alive(pid), "it was ended")
    processes.kill(pid, 18)
    expect("state T" in told, f"the state T is not named: {evidence}")
    return f"stalled: {evidence}"


@case(
    6,
    "a process that cannot be killed",
    "it writes to a frozen disk (state D), then it is stopped",
    "named in why, status and an alert, its slot goes to another; no busy loop; ended after the thaw, never run beside itself",
    quick=False,
    limit=120,
)
def unkillable(place):
    house = place.house()
    place.tool("fsfreeze")
    disk = place.ext4(house, house.dir / "disk")
    house.write(
        "[limits]\nconcurrent = 2\n"
        + ONCE
        + f"[sessions.one]\npriority = 9\ncommand = 'while :; do echo x > {disk}/f; sleep 0.05; done'\n"
        "[sessions.other]\npriority = 8\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
        "[sessions.waits]\ncommand = 'sleep 600'\n"
    )
    house.up()
    pid = house.until_state("one", "running")["pid"]
    house.until_state("other", "running")
    # Another process thaws it: this one must never be the only one that can.
    thaw = subprocess.Popen(["sh", "-c", f"sleep 30; fsfreeze -u {disk}"])
    house.undo.append(lambda: subprocess.run(["fsfreeze", "-u", str(disk)], capture_output=True))
    subprocess.run(["fsfreeze", "-f", str(disk)], check=True)
    until("it hangs in the disk", lambda: processes.stat(pid)[0] == "D", 5)
    house.ok("stop", "one")
    daemon, used = house.daemon(), processes.cpu(house.daemon())
    # The grace is 2 s, so by now SIGKILL was sent.
    time.sleep(6)
    busy = processes.cpu(daemon) - used
    expect(busy < 3.0, f"the daemon used {busy:.1f} s of CPU in 6 s")
    expect(house.session("waits")["state"] == "queued", "the slot was given away before its time")
    house.until_state("waits", "running", seconds=18)
    frozen = house.session("one")
    why = house.ok("why", "one")
    alerts = json.loads(house.ok("alerts", "--json"))
    expect(processes.alive(pid), "it died in the frozen disk, so this proves nothing")
    expect(house.session("other")["state"] == "running", "the other session is gone")
    thaw.wait()
    house.until_state("one", "stopped", seconds=20)
    expect(frozen["state"] == "stopping", f"while frozen: {frozen['state']}, {frozen['reason']}")
    expect("cannot be killed: pid" in why and "state D" in why, f"why does not name it: {why}")
    expect("cannot be killed" in frozen["reason"], f"status does not name it: {frozen['reason']}")
    expect("unkillable" in json.dumps(alerts), f"no alert: {alerts}")
    found = [fact["finding"]["resolved"] for fact in house.kinds("finding") if fact["finding"]["kind"] == "unkillable"]
    expect(len(found) == 2 and found[0] is None and found[1], f"told {len(found)} times: {found}")
    return f"{frozen['reason']}; {busy:.1f} s CPU in 6 s, stopped after the thaw"


@case(7, "children that nobody waits for", "30 double forks whose children end", "the recorder reaps them")
def zombies(place):
    house = place.house()
    house.write(
        ONCE
        + f"[sessions.one]\ncommand = 'for i in $(seq 30); do (sleep 0.1 & ) ; done; sleep 1; echo ready > {house.truth}; sleep 600'\n"
    )
    house.up()
    until("all have ended", house.told)
    recorder = house.recorder("one")
    below = [pid for pid in processes.everyone() if (s := processes.stat(pid)) and int(s[1]) == recorder and s[0] == "Z"]
    expect(not below, f"{len(below)} zombies below the recorder")
    house.ok("stop", "one")
    house.until_state("one", "stopped")
    return "no zombie is left while the program runs"


BOMB = """
import os, time
made = 0
for _ in range(500):
    try:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        made += 1
    except OSError:
        break
open(os.environ["TRUTH"], "w").write(str(made))
time.sleep(0.5)
os._exit(1)
"""


@case(
    8,
    "a fork bomb",
    "500 forks of a session with max_processes = 50",
    "its limit stops it and is named, everything of it is ended, the daemon goes on",
)
def fork_bomb(place):
    place.group("pids", max=50)
    house = place.house()
    (house.dir / "bomb.py").write_text(BOMB)
    run = f"TRUTH={house.truth} exec python3 {house.dir}/bomb.py"
    house.write(
        ONCE + f"[sessions.bomb]\nmax_processes = 50\ncommand = '{run}'\n[sessions.other]\ncommand = 'sleep 600'\n"
    )
    house.up()
    other = house.until_state("other", "running")["pid"]
    told = house.until_state("bomb", "failed")["exit"]
    made = int(house.told()[0])
    expect(0 < made < 50, f"{made} forks worked")
    left = [pid for pid in processes.everyone() if str(house.dir / "bomb.py") in " ".join(processes.words(pid))]
    expect(not left, f"{len(left)} processes are left")
    why = house.ok("why", "bomb")
    expect("its limit of processes was reached" in why, f"why does not name it: {why}")
    expect(told["class"] == "transient", told)
    expect(house.session("other")["pid"] == other, "the other session was touched")
    return f"{made} forks worked, none is left, exit {told['code']} ({told['class']}), its limit is named; the other session runs on"


@case(9, "memory runs out for a session", "400 MB in a control group of 200 MB", "oom_killed, not just `signal 9`")
def oom(place):
    group = place.group("memory", limit_in_bytes=200 << 20)
    wrap = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "in-group"]
    house = place.house(
        ONCE + '[sessions.eats]\ncommand = ["python3", "-c", "x = b\'x\' * (400 << 20)"]\n'
        "[sessions.other]\ncommand = 'sleep 600'\n",
        wrap,
    )
    house.up()
    other = house.until_state("other", "running")["pid"]
    told = house.until_state("eats", "failed", seconds=20)["exit"]
    expect((told["signal"], told["oom"], told["class"]) == (9, True, "oom_killed"), told)
    expect(processes.alive(other), "the other session is gone")
    return f"signal 9, oom, {told['class']}; the other session runs on"
