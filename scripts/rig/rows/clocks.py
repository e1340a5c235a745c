"""Rows 38-42: clocks that jump, zones, sleep, and a new boot."""

import os
import signal
import time
from datetime import datetime
from pathlib import Path

from .. import processes
from ..cases import NotHere, case, expect
from ..processes import until

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def faketime():
    """Where libfaketime is."""
    named = os.environ.get("NIGHTKEEP_FAKETIME")
    places = (
        [Path(named)]
        if named
        else [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), *Path("/usr/lib/faketime").glob("libfaketimeMT.so.1")]
    )
    found = next((p for p in places if p.exists()), None)
    if not found:
        raise NotHere("there is no libfaketime")
    return str(found)


@case(
    38,
    "the wall clock jumps",
    "+1 h, +1 day, and to 1970 for the daemon, while one session waits for its retry and one runs",
    "no early and no repeated retry, durations from the monotonic clock, the jump is journaled though nothing happens",
    quick=False,
    limit=150,
)
def jumps(place):
    house = place.house()
    clock = house.dir / "clock"
    clock.write_text("+0")
    # Only the wall clock; the monotonic one goes on as it does.
    wrap = [
        "env",
        f"LD_PRELOAD={faketime()}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ]
    house.wrap = wrap
    house.write(
        "[defaults]\nretry = { max_attempts = 2, initial_delay = '14s', jitter = 'none' }\n[sessions.runs]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
        f"[sessions.waits]\ncommand = 'cut -d\" \" -f1 /proc/uptime >> {house.truth}; exit 1'\n"
    )
    house.up()
    pid = house.until_state("runs", "running")["pid"]
    house.until_state("waits", "backing_off")
    for jump in ("+3600", "+86400", f"-{int(time.time()) - 3600}", "+0"):
        known = len(house.kinds("clock_jumped"))
        clock.write_text(jump)
        # Nothing happens; a made-up clock has no kernel that would tell, so the daemon sees it at its next turn.
        until("the jump is journaled", lambda known=known: len(house.kinds("clock_jumped")) > known, 15, 0.3)
    house.until_state("waits", "failed", seconds=30)
    told = [float(line) for line in house.told()]
    expect(len(told) == 2, f"{len(told)} starts")
    waited = told[1] - told[0]
    expect(13.5 < waited < 17, f"the retry came after {waited:.1f} s instead of 14 s")
    now = house.session("runs")
    expect((now["pid"], now["attempt"]) == (pid, 1), now)
    house.wrap = []
    house.ok("stop", "runs")
    house.until_state("runs", "stopped", seconds=30)
    ran, jumps = house.ends("runs")[0]["ran"] / 1000, [j["by_ms"] for j in house.kinds("clock_jumped")]
    expect(10 < ran < 60, f"ran {ran} s")
    expect(len(jumps) >= 3, f"jumps journaled: {jumps}")
    return f"retry after {waited:.1f} s of 14 s, {len(jumps)} jumps journaled, the session ran {ran:.0f} s by the journal"


CRON = "[night]\ntimezone = 'Europe/Berlin'\n[sessions.one]\ncommand = 'COMMAND'\ncron = '30 2 * * *'\n"


@case(
    39,
    "the clock is put forward and back (DST)",
    "a start at 02:30 in the night in which that time is missing and in the one in which it comes twice, by libfaketime",
    "once in each",
    quick=False,
    limit=180,
)
def summer(place):
    probe = place.house(CRON.replace("COMMAND", "true"))
    if place.lacks(probe, "cron", probe.file.read_text()):
        raise NotHere("this version has no start times yet")
    seen = []
    # 12 s before: 02:00 becomes 03:00 at 01:00 UTC; the first 02:30 is 00:30 UTC, the second one 01:30.
    for name, due, again in (("missing", "2026-03-29T01:00", None), ("twice", "2026-10-25T00:30", "2026-10-25T01:30")):
        house = place.house()
        clock = house.dir / "clock"

        def stand_before(time_of_day, clock=clock):
            offset = datetime.fromisoformat(f"{time_of_day}:00+00:00").timestamp() - 12 - time.time()
            clock.write_text(f"{offset:+.0f}")

        stand_before(due)
        house.write(CRON.replace("COMMAND", f"date -u +%H:%M >> {house.truth}"))
        house.wrap = ["env", f"LD_PRELOAD={faketime()}", f"FAKETIME_TIMESTAMP_FILE={clock}"]
        house.wrap += ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        house.up()
        time.sleep(6)
        expect(not house.told(), f"{name}: started before its time")
        until(f"{name}: it starts at {due} UTC", house.told, 30, 0.5)
        if again:
            stand_before(again)
            time.sleep(45)
        expect(len(house.told()) == 1, f"{name}: started {len(house.told())} times, at {house.told()} UTC")
        seen.append(f"{name}: once, at {house.told()[0]} UTC")
    return "; ".join(seen)


@case(
    40,
    "everything is frozen and goes on",
    "SIGSTOP for 6 s to daemon, tmux, recorder and program (no machine here can sleep)",
    "nothing is restarted or counted; one overdue retry, once",
)
def frozen(place):
    house = place.house()
    house.write(
        "[defaults]\nretry = { max_attempts = 2, initial_delay = '3s', jitter = 'none' }\n[sessions.runs]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
        f"[sessions.waits]\ncommand = 'echo ran >> {house.truth}; exit 1'\n"
    )
    house.up()
    pid = house.until_state("runs", "running")["pid"]
    house.until_state("waits", "backing_off")
    all_of_it = house.mine()
    house.undo.append(lambda: [processes.kill(p, signal.SIGCONT) for p in all_of_it])
    for sig, pause in ((signal.SIGSTOP, 6), (signal.SIGCONT, 0)):
        for each in all_of_it:
            processes.kill(each, sig)
        time.sleep(pause)
    house.until_state("waits", "failed", seconds=20)
    now = house.session("runs")
    expect((now["pid"], now["attempt"], now["state"]) == (pid, 1, "running"), now)
    expect(len(house.told()) == 2, f"{len(house.told())} starts")
    return "same process, same attempt; the overdue retry came once"


@case(
    40,
    "everything is frozen for longer",
    "SIGSTOP for 50 s to all of it while eight sessions wait for their retry",
    "told as a time in which nobody watched; the overdue retries are spread over a minute",
    quick=False,
    limit=200,
)
def frozen_long(place):
    house, waits = place.house(), [f"waits-{n}" for n in range(8)]
    house.write(
        "[limits]\nconcurrent = 9\n[defaults]\nretry = { max_attempts = 2, initial_delay = '5s', jitter = 'none' }\n"
        "[sessions.runs]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
        # The budget of retries: five, and one for every five starts.
        + "".join(f"[sessions.more-{n}]\ncommand = 'true'\n" for n in range(10))
        + "".join(f"[sessions.{w}]\ncommand = 'cut -d\" \" -f1 /proc/uptime >> {house.truth}; exit 1'\n" for w in waits)
    )
    house.up()
    pid = house.until_state("runs", "running")["pid"]
    for w in waits:
        house.until_state(w, "backing_off", "running")
    all_of_it = house.mine()
    house.undo.append(lambda: [processes.kill(p, signal.SIGCONT) for p in all_of_it])
    for sig, pause in ((signal.SIGSTOP, 50), (signal.SIGCONT, 0)):
        for each in all_of_it:
            processes.kill(each, sig)
        time.sleep(pause)
    for w in waits:
        house.until_state(w, "failed", seconds=75)
    second = sorted(float(line) for line in house.told())[len(waits) :]
    expect(len(second) == len(waits), f"{len(second)} retries")
    over = second[-1] - second[0]
    expect(10 < over < 65, f"the retries came within {over:.1f} s")
    still = house.kinds("stood_still")
    expect(len(still) == 1 and 45_000 < still[0]["ms"] < 65_000, f"told: {still}")
    now = house.session("runs")
    expect((now["pid"], now["attempt"], now["state"]) == (pid, 1, "running"), now)
    expect("stood still" in house.ok("report"), "the report does not tell it")
    return f"{len(second)} retries over {over:.0f} s, {still[0]['ms'] / 1000:.0f} s told in journal and report"


@case(
    41,
    "the time zone changes",
    "another /etc/localtime under the daemon, and a new one",
    "the journal stays in UTC, the night keeps its name, nothing is restarted",
)
def zone(place):
    place.mounts()
    house = place.house("[sessions.one]\ncommand = 'sleep 600'\n")
    zones = [Path("/usr/share/zoneinfo/Pacific/Kiritimati"), Path("/usr/share/zoneinfo/Pacific/Pago_Pago")]
    if not Path("/etc/localtime").exists() or not all(z.exists() for z in zones):
        raise NotHere("there is no /etc/localtime, or there are no zones")
    house.up()
    pid = house.until_state("one", "running")["pid"]
    night = house.status()["night"]["id"]
    for zone_file in zones:
        target = Path("/etc/localtime").resolve()
        if not house.mounted(target, ["mount", "--bind", str(zone_file), str(target)]):
            raise NotHere("nothing can be mounted over /etc/localtime")
        house.ok("hold", "one")
        house.ok("release", "one")
        house.kill_daemon()
        house.up()
    status, entries = house.status(), house.facts()
    expect(status["night"]["id"] == night and house.session("one")["pid"] == pid, status["night"])
    walls = [e["at"]["wall"] for e in entries]
    expect(walls == sorted(walls) and abs(walls[-1] / 1000 - time.time()) < 60, "the journal's times moved")
    expect(status["generated_at"].endswith("Z"), status["generated_at"])
    return f"night {night} all along, times in UTC, same process"


@case(
    42,
    "the machine is started anew",
    "everything killed, another boot id for the next daemon",
    "what ran is lost and comes back, no attempt is taken",
)
def reboot(place):
    place.mounts()
    house = place.house(
        "[defaults]\nretry = { max_attempts = 1, initial_delay = '100ms' }\n"
        + "".join(f"[sessions.s{n}]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n" for n in range(4))
    )
    house.up()
    for n in range(4):
        house.until_state(f"s{n}", "running")
    for _ in range(30):
        left = house.mine()
        for pid in left:
            processes.kill(pid)
        if not left:
            break
        time.sleep(0.1)
    new = house.dir / "boot_id"
    new.write_text("11111111-2222-4333-8444-555555555555\n")
    if not house.mounted(BOOT_ID, ["mount", "--bind", str(new), str(BOOT_ID)]):
        raise NotHere("nothing can be mounted over the boot id")
    house.up()
    until("all are told as ended", lambda: len(house.kinds("attempt_ended")) == 4, 40, 0.2)
    for n in range(4):
        house.until_state(f"s{n}", "running", seconds=40)
    ends = house.kinds("attempt_ended")
    expect(len(ends) == 4 and not [e for e in ends if e["counted"]], f"{len(ends)} ends")
    whys = {e["exit"]["ending"].get("why") for e in ends}
    expect(all(e["exit"]["ending"]["kind"] == "lost" for e in ends), whys)
    return f"4 lost ({'; '.join(map(str, whys))}), none counted, all 4 run again"
