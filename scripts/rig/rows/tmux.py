"""Rows 10-15: the tmux server is killed, cut off, stopped, badly configured, or handled by a person."""

import signal
import subprocess
import time

from .. import processes
from ..cases import case, expect
from ..processes import until

ONCE = "[defaults]\nretry = { max_attempts = 1, initial_delay = '100ms' }\nstop_grace = '2s'\n"
TICKS = "while :; do echo tick; sleep 0.1; done"


@case(10, "the tmux server is killed", "kill -9", "ends are recorded as lost to tmux, no attempt is taken, sessions come back")
def killed(place):
    house = place.house(ONCE + "".join(f"[sessions.s{n}]\ncommand = '{TICKS}'\n" for n in range(3)))
    house.up()
    before = {f"s{n}": house.until_state(f"s{n}", "running")["pid"] for n in range(3)}
    processes.kill(house.tmux())

    def back():
        now = {s["name"]: s for s in house.status()["sessions"]}
        return all(s["state"] == "running" and s["pid"] != before[n] for n, s in now.items())

    until("all run again", back, 30)
    ends = house.kinds("attempt_ended")
    counted = [e["attempt"] for e in ends if e["counted"]]
    expect(len(ends) == 3 and not counted, f"{len(ends)} ends, counted: {counted}")
    expect(not [pid for pid in before.values() if processes.alive(pid)], "an old program runs beside the new one")
    return f"3 ends ({ends[0]['verdict']['class']}), none counted with max_attempts = 1, all 3 run again in a new server"


@case(
    11, "the daemon is killed", "kill -9, then up", "adopts the running programs, counts no attempt, knows what ended meanwhile"
)
def daemon_killed(place):
    house = place.house()
    house.write(
        ONCE
        + f"[sessions.stays]\ncommand = '{TICKS}'\n[sessions.ends]\ncommand = 'while [ ! -e {house.dir}/go ]; do sleep 0.05; done; exit 7'\n"
    )
    house.up()
    pid = house.until_state("stays", "running")["pid"]
    house.until_state("ends", "running")
    house.kill_daemon()
    (house.dir / "go").touch()
    until("it ended", lambda: house.recorder("ends") is None)
    house.up()
    told = house.until_state("ends", "failed")["exit"]
    now = house.session("stays")
    expect((now["pid"], now["attempt"]) == (pid, 1), f"pid {pid} before, now {now['pid']}, attempt {now['attempt']}")
    expect(told["code"] == 7, told)
    return "the same process goes on as attempt 1; the exit 7 of the gap is known"


@case(
    12,
    "the tmux socket is removed",
    "rm of the socket",
    "made again by the same server; the programs are not touched",
    quick=False,
    limit=90,
)
def socket_gone(place):
    house = place.house(
        ONCE + f"[sessions.one]\ncommand = '{TICKS}'\n[sessions.two]\ncommand = 'exit 0'\nafter = ['one']\n"
    ).up()
    pid, server, socket = house.until_state("one", "running")["pid"], house.tmux(), house.tmux_socket()
    socket.unlink()
    began = time.monotonic()
    house.ok("start", "two")
    house.until_state("two", "succeeded", seconds=40)
    until("the socket is there", socket.exists, 45)
    took = time.monotonic() - began
    expect(house.tmux() == server and house.session("one")["pid"] == pid, "another server or another process")
    attached = subprocess.run(["tmux", "-N", "-S", str(socket), "list-sessions"], capture_output=True, text=True)
    expect("one" in attached.stdout, attached.stderr)
    return f"back after {took:.0f} s, same server, same process; a session was started meanwhile"


@case(
    13,
    "the tmux server hangs",
    "kill -STOP for 12 s, a start is asked meanwhile",
    "commands answer at once, nothing is restarted, all goes on after it",
    quick=False,
    limit=120,
)
def wedged(place):
    house = place.house()
    two = f"[sessions.two]\ncommand = 'echo two >> {house.truth}'\nafter = ['one']\n"
    house.write(ONCE + f"[sessions.one]\ncommand = '{TICKS}'\n" + two)
    house.up()
    pid, server = house.until_state("one", "running")["pid"], house.tmux()
    processes.kill(server, signal.SIGSTOP)
    house.undo.append(lambda: processes.kill(server, signal.SIGCONT))
    slowest, over = 0.0, time.monotonic() + 12
    house.ok("start", "two")
    while time.monotonic() < over:
        began = time.monotonic()
        state = house.session("one")
        slowest = max(slowest, time.monotonic() - began)
        expect(state["pid"] == pid, f"the session was touched: {state['state']}")
        time.sleep(0.2)
    expect(slowest < 2.0, f"status took {slowest:.1f} s")
    processes.kill(server, signal.SIGCONT)
    done = house.until_state("two", "succeeded", "failed", seconds=80)
    expect(done["state"] == "succeeded", f"the session that was to start meanwhile: {done['state']}, {done['reason']}")
    now = house.session("one")
    expect(now["pid"] == pid and house.tmux() == server, f"pid {pid} -> {now}, server {server} -> {house.tmux()}")
    time.sleep(2)
    expect(house.told() == ["two"], f"the session that was to start ran {len(house.told())} times")
    trouble = [t["what"] for t in house.kinds("trouble") if "tmux" in t["part"]]
    return f"status within {slowest * 1000:.0f} ms, same process, the start was made up for; told: {trouble[0] if trouble else 'nothing'}"


@case(
    14,
    "a hostile tmux configuration",
    "~/.tmux.conf with hooks that kill, TMUX of another server",
    "not read, nothing of it happens",
)
def hostile(place):
    house = place.house(ONCE + "[sessions.one]\ncommand = 'echo fine; sleep 0.5; exit 0'\n")
    trap = f"run-shell 'touch {house.dir}/trapped'\nset-hook -g session-created kill-server\nset -g default-command 'exit 1'\nset -g remain-on-exit on\n"
    for file in (house.home / ".tmux.conf", house.home / ".config/tmux/tmux.conf"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(trap)
    house.env["TMUX"] = "/nowhere/default,1,0"
    house.up()
    house.until_state("one", "succeeded")
    expect(not (house.dir / "trapped").exists(), "the hook ran")
    return "succeeded, no hook ran"


@case(15, "a person kills the window", "tmux kill-session by hand", "taken as the operator's decision: no restart")
def by_hand(place):
    house = place.house(
        "[defaults]\nretry = { max_attempts = 5, initial_delay = '100ms' }\n[sessions.one]\ncommand = 'sleep 600'\n"
    ).up()
    house.until_state("one", "running")
    subprocess.run(
        ["tmux", "-N", "-S", str(house.tmux_socket()), "kill-session", "-t", "=one"], check=True, capture_output=True
    )
    ended = house.until_state("one", "stopped", "failed", "queued", "backing_off", "held", seconds=30)
    time.sleep(1)
    now = house.session("one")
    expect(
        now["attempt"] == 1 and ended["exit"]["class"] == "operator",
        f"{now['state']}, attempt {now['attempt']}, {ended['exit']}",
    )
    return f"{now['state']}, class operator, one attempt; {now['reason']}"
