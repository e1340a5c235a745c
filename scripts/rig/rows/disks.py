"""Rows 20-27: disks that are full, read-only, broken, cut off or slow under the state folder."""

import fcntl
import json
import os
import subprocess
import time
from pathlib import Path

from .. import processes
from ..cases import NotHere, case, expect
from ..processes import until

EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


def header(house, state, keys="max_attempts = 1"):
    house.logs = state
    # The guard of the disk is for real disks; here the space is small on purpose.
    return f"[paths]\nstate = '{state}'\n[limits]\nmin_free_disk = '64KiB'\n[defaults]\nretry = {{ {keys}, initial_delay = '200ms' }}\nstop_grace = '2s'\n"


def fill(disk):
    """Takes what room there is; gives the file that holds it."""
    ballast = disk / "filler"
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def whole(house):
    """Whether the journal is whole, by `doctor` and by reading it."""
    house.facts()
    checks = json.loads(house.call("doctor", "--json").stdout)
    return "journal" not in [c.get("name") for c in checks.get("checks", []) if c.get("state") == "failed"]


@case(
    20,
    "the disk is full under the logs",
    "a flood of 20 MB on a disk of 6 MB, room is made afterwards",
    "the program gets through, what is missing is counted, the exit is known",
)
def full_logs(place):
    house = place.house()
    disk = place.small_disk(house, house.dir / "disk", "size=6m")
    house.write(
        header(house, disk)
        + f"[sessions.flood]\ncommand = \"head -c 20000000 /dev/zero | tr '\\\\0' x; echo done > {house.truth}; sleep 1; exit 7\"\n"
    )
    house.up()
    until("the program got through", house.told)
    time.sleep(1.5)
    for log in (disk / "output/flood").glob("*.log"):
        os.truncate(log, 100_000)
    house.until_state("flood", "failed")
    # What the daemon knows may be a write ahead of a journal whose disk was full.
    until("the end is journaled", lambda: house.ends("flood"))
    end = house.ends("flood")[0]
    expect(end["ending"].get("code") == 7 and end["output_bytes"] == 20_000_000 and end["lost_bytes"] > 10_000_000, end)
    expect(whole(house), "doctor says that the journal is not whole")
    return f"exit 7, 20000000 bytes counted, {end['lost_bytes']} of them as lost"


@case(
    21,
    "the disk is full under the journal",
    "the whole disk is taken while a session runs and ends, then given back",
    "nothing starts, nothing is lost, no attempt is taken; it goes on by itself when there is room",
    limit=90,
)
def full_journal(place):
    house = place.house()
    disk = place.small_disk(house, house.dir / "disk", "size=12m")
    house.write(
        header(house, disk)
        + f"[sessions.one]\ncommand = 'while [ ! -e {house.dir}/go ]; do sleep 0.05; done; exit 7'\nsuccess = {{ exit_codes = [7] }}\n"
        f"[sessions.two]\ncommand = 'echo two >> {house.truth}'\nafter = ['one']\n"
    )
    house.up()
    house.until_state("one", "running")
    before = [e["hash"] for e in house.facts()]
    ballast = fill(disk)
    (house.dir / "go").touch()
    until("one has ended", lambda: house.recorder("one") is None)
    time.sleep(3)
    early = house.told()
    daemon = house.daemon()
    ballast.unlink()
    began = time.monotonic()
    done = house.until_state("two", "succeeded", seconds=60)
    took = time.monotonic() - began
    expect(not early, "two was started while the disk was full")
    expect(daemon is not None, "the daemon was gone")
    expect(house.ends("one")[0]["ending"].get("code") == 7, house.ends("one"))
    after = [e["hash"] for e in house.facts()]
    expect(after[: len(before)] == before, "events that were there before are gone")
    expect(done["attempt"] == 1 and house.told() == ["two"], f"two: attempt {done['attempt']}, ran {house.told()}")
    return f"nothing started while full; exit 7 known; two ran {took:.0f} s after room was made, once"


@case(
    22,
    "no inodes are left",
    "a disk with few inodes, all taken, then given back",
    "nothing is taken as an attempt; it starts when there are inodes",
    quick=False,
    limit=120,
)
def inodes(place):
    house = place.house()
    disk = place.small_disk(house, house.dir / "disk", "size=20m,nr_inodes=60")
    house.write(
        header(house, disk)
        + f"[sessions.one]\ncommand = 'sleep 600'\n[sessions.two]\ncommand = 'echo two >> {house.truth}'\nafter = [{{ session = 'one', on = 'end' }}]\n"
    )
    house.up()
    house.until_state("one", "running")
    taken = []
    try:
        for n in range(100):
            taken.append(disk / f"taken-{n}")
            taken[-1].touch()
    except OSError:
        taken.pop()
    house.ok("start", "two")
    until("the start was tried", lambda: house.session("two")["state"] in ("limited", "backing_off", "queued", "failed"), 15)
    time.sleep(2)
    tried = house.session("two")
    for file in taken:
        file.unlink()
    done = house.until_state("two", "succeeded", "failed", seconds=90)
    expect(done["state"] == "succeeded", f"{done['state']}: {done['reason']}; while full: {tried['state']}: {tried['reason']}")
    expect(house.told() == ["two"], f"ran {house.told()}")
    return f"while full: {tried['state']} ({tried['reason']}); then succeeded with max_attempts = 1"


@case(
    23,
    "the state folder becomes read-only",
    "remount ro between two daemons",
    "up says so, reading still works, nothing is lost",
)
def read_only(place):
    house = place.house()
    disk = place.small_disk(house, house.dir / "disk", "size=20m")
    house.write(header(house, disk) + "[sessions.one]\ncommand = 'exit 3'\n")
    house.up()
    house.until_state("one", "failed")
    house.kill_daemon()

    def remounted():
        return subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True).returncode == 0

    try:
        until("the disk is read-only", remounted, 5)
    except TimeoutError as error:
        holders = [p for p in house.mine() if any(str(disk) in os.path.realpath(f) for f in Path(f"/proc/{p}/fd").glob("*"))]
        raise NotHere(f"something keeps a file open for writing: {[processes.words(p)[:3] for p in holders]}") from error
    status, up = house.call("status", "--json"), house.call("up")
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    expect(up.returncode != 0 and "ead-only" in up.stderr, f"up ended with {up.returncode}: {up.stderr.strip()}")
    expect(
        status.returncode == 0 and '"failed"' in status.stdout,
        f"status ended with {status.returncode}: {status.stderr.strip()}",
    )
    house.up()
    expect(house.session("one")["attempt"] == 1, "another attempt was made")
    return f"status reads on; up: {up.stderr.strip().splitlines()[0].replace(str(house.dir), '…')}"


@case(
    24,
    "fsync fails with EIO",
    "each fsync and fdatasync of the daemon fails for 3 s",
    "no false acknowledgement: what was told stays true; the daemon goes on or ends honestly",
    quick=False,
    limit=120,
)
def fsync_fails(place):
    house = place.house()
    house.write(
        "[defaults]\nretry = { max_attempts = 1 }\n[sessions.stays]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n"
        f"[sessions.ends]\ncommand = 'while [ ! -e {house.dir}/go ]; do sleep 0.05; done; exit 7'\n"
    )
    house.up()
    pid = house.until_state("stays", "running")["pid"]
    house.until_state("ends", "running")
    before = [e["hash"] for e in house.facts()]
    end = place.strace(house.daemon(), "fsync:error=EIO", "fdatasync:error=EIO")
    (house.dir / "go").touch()
    time.sleep(3)
    end()
    lived = house.daemon() is not None
    if not lived:
        house.up()
    told = house.until_state("ends", "failed", seconds=60)["exit"]
    # The status may be ahead of the journal by the write that is being tried.
    until("the end is journaled", lambda: house.ends("ends"), 30)
    after = [e["hash"] for e in house.facts()]
    expect(after[: len(before)] == before, "events that were acknowledged are gone")
    expect(told["code"] == 7 and house.session("stays")["pid"] == pid, f"{told}")
    expect(len(house.ends("ends")) == 1, "two ends")
    return f"the daemon {'went on' if lived else 'ended, the next one went on'}; exit 7 known once, the other program untouched"


@case(
    25,
    "killed at the n-th write",
    "SIGKILL in the daemon's 1st, 2nd, 3rd, 5th and 8th pwrite64",
    "the journal is whole, no half event, the exit is known",
    quick=False,
    limit=120,
)
def killed_writing(place):
    house = place.house()
    nths = (1, 2, 3, 5, 8)
    house.write(
        "[defaults]\nretry = { max_attempts = 1 }\n"
        + "".join(f"[sessions.s{n}]\ncommand = 'while [ ! -e {house.dir}/go{n} ]; do sleep 0.05; done; exit 7'\n" for n in nths)
    )
    house.ok("up", "--trust")
    for n in nths:
        house.until_state(f"s{n}", "running", "queued")
    for n in nths:
        house.until_state(f"s{n}", "running")
        daemon = house.daemon()
        before = [e["hash"] for e in house.facts()]
        end = place.strace(daemon, f"pwrite64:signal=SIGKILL:when={n}")
        (house.dir / f"go{n}").touch()
        try:
            until("the daemon dies in a write", lambda: not processes.alive(daemon), 8)
        except TimeoutError:
            # One append may need fewer writes than this; the next event brings more.
            house.call("hold", f"s{n}")
            house.call("release", f"s{n}")
            until("the daemon dies in a later write", lambda: not processes.alive(daemon), 30)
        end()
        house.up()
        told = house.until_state(f"s{n}", "failed")["exit"]
        after = [e["hash"] for e in house.facts()]
        expect(after[: len(before)] == before, f"write {n}: events are gone")
        expect(told["code"] == 7 and len(house.ends(f"s{n}")) == 1, f"write {n}: {told}")
    expect(whole(house), "doctor says that the journal is not whole")
    return f"killed in the daemon's writes {', '.join(map(str, nths))}: every exit known once, no event gone"


@case(
    26,
    "power cut",
    "the file system is shut down without writing its log, everything is killed, mounted again",
    "everything that was acknowledged is there",
    quick=False,
    limit=120,
)
def power_cut(place):
    house = place.house()
    disk = place.ext4(house, house.dir / "disk")
    state = disk / "state"
    house.write(
        header(house, state)
        + "".join(f"[sessions.s{n}]\ncommand = 'for i in 1 2 3; do echo $i; sleep 0.2; done; exit {n}'\n" for n in range(1, 4))
        + "[sessions.on]\ncommand = 'while :; do echo tick; sleep 0.1; done'\n"
    )
    house.up()
    for n in range(1, 4):
        house.until_state(f"s{n}", "failed")
    before = house.facts()
    place_fd = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(place_fd, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, "little"))
    except OSError as error:
        raise NotHere(f"the file system cannot be shut down: {error}") from error
    finally:
        os.close(place_fd)
    for _ in range(20):
        for pid in house.mine():
            processes.kill(pid)
        if not house.mine():
            break
        time.sleep(0.1)
    until("it is unmounted", lambda: subprocess.run(["umount", str(disk)], capture_output=True).returncode == 0, 15, 0.2)
    expect(house.mounted(disk, ["mount", "-o", "loop", str(house.dir / "disk.img"), str(disk)]), "cannot be mounted again")
    after = house.facts()
    expect(
        [e["hash"] for e in after[: len(before)]] == [e["hash"] for e in before],
        f"{len(before)} events before, {len(after)} after",
    )
    house.up()
    for n in range(1, 4):
        told = house.session(f"s{n}")
        expect(told["exit"]["code"] == n and told["attempt"] == 1, told)
    until("the lost one is told", lambda: house.ends("on"), 30)
    on = house.until_state("on", "running", seconds=30)
    lost = house.ends("on")
    expect(len(lost) == 1 and lost[0]["ending"]["kind"] == "lost", lost)
    return f"all {len(before)} events are there; 3 exits known, what ran is lost and runs again as attempt {on['attempt']}"


@case(
    27,
    "the disk hangs",
    "fsfreeze for 8 s (40 s when not --quick) under the state",
    "commands answer, programs live, nothing is lost after it",
    quick=False,
    limit=150,
)
def hung(place):
    house = place.house()
    place.tool("fsfreeze")
    disk = place.ext4(house, house.dir / "disk")
    seconds = 8 if place.quick else 40
    house.write(
        header(house, disk / "state")
        + f"[sessions.ends]\ncommand = 'while [ ! -e {house.dir}/go ]; do sleep 0.05; done; exit 7'\n"
        f"[sessions.quiet]\ncommand = 'i=0; while :; do i=$((i+1)); echo $i > {house.truth}; sleep 0.2; done'\n"
    )
    house.up()
    house.until_state("ends", "running")
    pid = house.until_state("quiet", "running")["pid"]
    thaw = subprocess.Popen(["sh", "-c", f"sleep {seconds}; fsfreeze -u {disk}"])
    house.undo.append(lambda: subprocess.run(["fsfreeze", "-u", str(disk)], capture_output=True))
    subprocess.run(["fsfreeze", "-f", str(disk)], check=True)
    (house.dir / "go").touch()
    slowest, answered, began = 0.0, 0, int(Path(house.truth).read_text() or 0)
    while thaw.poll() is None:
        asked = time.monotonic()
        try:
            house.call("status", "--json", seconds=10)
            answered += 1
        except subprocess.TimeoutExpired:
            pass
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.5)
    moved = int(house.told()[0]) - began
    told = house.until_state("ends", "failed", seconds=30)["exit"]
    expect(moved > seconds * 2, f"the quiet program made {moved} steps")
    expect(told["code"] == 7 and house.session("quiet")["pid"] == pid, told)
    expect(answered and slowest < 6.0, f"status answered {answered} times, the slowest took {slowest:.1f} s")
    return f"frozen {seconds} s: status answered {answered} times within {slowest:.1f} s, the quiet program worked on, exit 7 known after it"
