"""Rows 16-19: recorders that die or hang, floods, and lines without an end."""

import signal
import time

from .. import processes
from ..cases import case, expect
from ..processes import until

ONCE = "[defaults]\nretry = { max_attempts = 1, initial_delay = '100ms' }\nstop_grace = '2s'\n"


@case(
    16,
    "the recorder is killed",
    "kill -9",
    "the attempt is lost and says so; its program is ended before the next one starts; no attempt is taken",
)
def killed(place):
    house = place.house()
    house.write(
        ONCE
        + f"[sessions.one]\ncommand = 'trap \"\" HUP TERM INT; echo $$ >> {house.truth}; while :; do echo tick; sleep 0.2; done'\n"
    )
    house.up()
    first = house.until_state("one", "running")["pid"]
    processes.kill(house.recorder("one"))
    overlap = []

    def again():
        told = house.told()
        if len(told) > 1 and processes.alive(first):
            overlap.append(first)
        return len(told) > 1

    until("it runs again", again, 30, 0.02)
    house.until_state("one", "running")
    ends = house.kinds("attempt_ended")
    expect(not overlap, "the old program ran beside the new one")
    expect(ends[0]["exit"]["ending"]["kind"] == "lost" and not ends[0]["counted"], ends[0])
    return f"lost ({ends[0]['exit']['ending']['why']}), not counted; the old program was ended first"


@case(
    17,
    "the recorder hangs",
    "kill -STOP for 3 s while the program prints",
    "status answers, nothing is restarted, no byte is missing afterwards",
)
def stuck(place):
    house = place.house()
    house.write(
        ONCE + f"[sessions.one]\ncommand = 'for i in $(seq 60); do echo line $i; sleep 0.1; done; echo done > {house.truth}'\n"
    )
    house.up()
    until("it prints", lambda: (house.session("one")["output"] or {}).get("bytes"))
    recorder = house.recorder("one")
    processes.kill(recorder, signal.SIGSTOP)
    house.undo.append(lambda: processes.kill(recorder, signal.SIGCONT))
    slowest, over = 0.0, time.monotonic() + 3
    while time.monotonic() < over:
        began = time.monotonic()
        now = house.session("one")
        expect((now["state"], now["attempt"]) == ("running", 1), f"{now['state']}, attempt {now['attempt']}")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.1)
    processes.kill(recorder, signal.SIGCONT)
    house.until_state("one", "succeeded")
    text = house.ok("logs", "one", "--raw").replace("\r", "")
    expect(text == "".join(f"line {n}\n" for n in range(1, 61)), f"the log has {len(text.splitlines())} of 60 lines")
    expect(slowest < 2.0, f"status took {slowest:.1f} s")
    return f"all 60 lines, one attempt, status within {slowest * 1000:.0f} ms"


@case(
    18,
    "a log explosion",
    "`yes` for 3 s with log_per_session = 1MiB",
    "the log keeps its cap, what went is counted exactly, the daemon stays small and idle",
)
def explosion(place):
    house = place.house(
        "[limits]\nlog_per_session = '1MiB'\n"
        + ONCE
        + "[sessions.one]\ncommand = 'timeout 3 yes'\nsuccess = { exit_codes = [124] }\n"
    )
    house.up()
    house.until_state("one", "running")
    daemon = house.daemon()
    used, began, most, room = processes.cpu(daemon), time.monotonic(), 0, 0
    while house.session("one")["state"] == "running":
        most = max(most, processes.rss(daemon))
        room = max([room, *(log.stat().st_blocks * 512 for log in house.logs.glob("output/one/*.log"))])
        time.sleep(0.1)
    took, busy = time.monotonic() - began, processes.cpu(daemon) - used
    end = house.ends("one")[0]
    log = next(house.logs.glob("output/one/*.log"))
    expect(end["lost_bytes"] > 0, f"nothing went beyond the cap: {end['output_bytes']} bytes")
    # The front is let go of once a second at most.
    most_room = (2 << 20) + end["output_bytes"] * 2 // 3
    expect(room < most_room, f"the log took {room >> 10} KiB of the disk")
    expect(log.stat().st_size == end["output_bytes"], f"{log.stat().st_size} and {end['output_bytes']} bytes")
    expect(busy / took < 1.0 and most < 200 << 10, f"daemon: {busy / took:.2f} cores, {most} KiB")
    return (
        f"{end['output_bytes'] >> 20} MiB printed, {end['lost_bytes'] >> 20} MiB counted as dropped, at most {room >> 20} MiB on disk;"
        f" daemon {busy / took:.2f} cores, {most >> 10} MiB"
    )


@case(
    19,
    "one line without an end",
    "32 MiB without a newline (1 GiB when not --quick)",
    "memory of daemon and recorder stays bounded, every byte is counted",
    limit=240,
)
def endless(place):
    size = (32 << 20) if place.quick else (1 << 30)
    house = place.house(
        "[limits]\nlog_per_session = '8MiB'\n"
        + ONCE
        + f"[sessions.one]\ncommand = \"head -c {size} /dev/zero | tr '\\\\0' x\"\n"
    )
    house.up()
    house.until_state("one", "running", "succeeded")
    daemon, most = house.daemon(), {"daemon": 0, "recorder": 0, "tmux": 0}
    while house.session("one")["state"] == "running":
        for name, pid in (("daemon", daemon), ("recorder", house.recorder("one")), ("tmux", house.tmux())):
            most[name] = max(most[name], processes.rss(pid) if pid else 0)
        time.sleep(0.2)
    end = house.ends("one")[0]
    expect(
        end["output_bytes"] == size and house.session("one")["state"] == "succeeded", f"{end['output_bytes']} of {size} bytes"
    )
    expect(max(most["daemon"], most["recorder"]) < 150 << 10, f"KiB: {most}")
    return f"{size >> 20} MiB counted to the byte; at most " + ", ".join(f"{n} {kib >> 10} MiB" for n, kib in most.items())
