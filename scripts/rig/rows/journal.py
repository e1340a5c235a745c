"""Rows 28-31: the journal is locked, damaged, taken apart or too new."""

import hashlib
import os
import sqlite3
import time
from pathlib import Path

from .. import processes
from ..cases import case, expect
from ..processes import until


def told_by(done, house):
    """The line of a refusal that names the journal."""
    lines = done.stderr.strip().splitlines()
    line = next((line for line in lines if "journal" in line), lines[0] if lines else "nothing")
    return line.replace(str(house.dir), "…")


ONCE = "[defaults]\nretry = { max_attempts = 1 }\nstop_grace = '2s'\n"


def gate(house, code=7):
    """A program that leaves when the case lets it."""
    return f"while [ ! -e {house.dir}/go ]; do sleep 0.05; done; exit {code}"


@case(
    28,
    "the journal is locked by another program",
    "BEGIN EXCLUSIVE for 4 s (12 s when not --quick), a session ends meanwhile",
    "waited out: nothing lost, nothing twice",
)
def locked(place):
    house = place.house()
    house.write(
        ONCE
        + f"[sessions.one]\ncommand = '{gate(house)}'\n[sessions.two]\ncommand = 'echo two >> {house.truth}'\nafter = [{{ session = 'one', on = 'end' }}]\n"
    )
    house.up()
    house.until_state("one", "running")
    daemon = house.daemon()
    other = sqlite3.connect(house.logs / "nightkeep.db", isolation_level=None, timeout=5)
    other.execute("BEGIN EXCLUSIVE")
    (house.dir / "go").touch()
    time.sleep(4 if place.quick else 12)
    answers = house.call("status", "--json", seconds=15)
    other.execute("ROLLBACK")
    other.close()
    done = house.until_state("two", "succeeded", seconds=90)
    expect(answers.returncode == 0, f"status while locked: {answers.stderr}")
    expect(house.daemon() == daemon, "the daemon is another one")
    expect(len(house.ends("one")) == 1 and house.ends("one")[0]["ending"].get("code") == 7, house.ends("one"))
    expect(house.told() == ["two"] and done["attempt"] == 1, house.told())
    return "status answered meanwhile; exit 7 known once, the next session ran once, same daemon"


@case(
    29,
    "the journal is damaged",
    "4 KiB of noise in the middle of the file, between two daemons",
    "seen at the start and told; not repaired in silence, not made worse",
)
def damaged(place):
    house = place.house(ONCE + "".join(f"[sessions.s{n}]\ncommand = 'exit 3'\n" for n in range(8))).up()
    for n in range(8):
        house.until_state(f"s{n}", "failed")
    house.ok("down")
    until("the daemon's end", lambda: house.daemon() is None, 20)
    file = house.logs / "nightkeep.db"
    # What stands in the write-ahead log would heal the page.
    sqlite3.connect(file).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = file.stat().st_size // 4096
    with open(file, "r+b") as raw:
        for page in range(pages // 3, pages // 3 + 3):
            raw.seek(page * 4096)
            raw.write(os.urandom(4096))
    mark = hashlib.sha256(file.read_bytes()).digest()
    up = house.call("up", seconds=30)
    time.sleep(0.5)
    status, doctor = house.call("status"), house.call("doctor")
    moved = list(house.logs.glob("*.corrupt*"))
    told = up.stderr + house.daemon_log()[-2000:]
    if up.returncode == 0:
        expect(moved, f"up went on with a damaged journal: {up.stderr.strip()}")
    else:
        expect("nightkeep.db" in told or "journal" in told, f"up: {up.stderr.strip()}")
        expect(hashlib.sha256(file.read_bytes()).digest() == mark, "the damaged file was changed")
    expect(status.returncode in (0, 1) and "panicked" not in status.stderr, f"status: {status.stderr}")
    expect("journal" in doctor.stdout + doctor.stderr, f"doctor says nothing of it: {doctor.stdout[-300:]}")
    return f"up ends with {up.returncode}: {told_by(up, house)}; {'moved aside' if moved else 'the file is as it was'}"


@case(
    30,
    "the write-ahead log is deleted under the daemon",
    "rm of nightkeep.db-wal while a session runs, then it ends",
    "told or survived: what was acknowledged is there, no exit is lost",
    limit=90,
)
def without_wal(place):
    house = place.house()
    house.write(ONCE + f"[sessions.one]\ncommand = '{gate(house)}'\n")
    house.up()
    house.until_state("one", "running")
    before = [e["hash"] for e in house.facts()]
    for name in ("nightkeep.db-wal", "nightkeep.db-shm"):
        Path(house.logs / name).unlink(missing_ok=True)
    (house.dir / "go").touch()
    until("it ended", lambda: house.recorder("one") is None)
    time.sleep(1)
    living = house.daemon() is not None
    seen = house.call("status", "--json")
    if living:
        house.kill_daemon()
    again = house.call("up")
    after = house.call("export")
    if again.returncode != 0:
        expect("journal" in again.stderr or "nightkeep.db" in again.stderr, again.stderr)
        return f"up refuses: {told_by(again, house)}"
    hashes = [line.split('"hash":"')[1][:64] for line in after.stdout.splitlines()]
    known = house.until_state("one", "failed", seconds=20)["exit"]
    expect(
        hashes[: len(before)] == before,
        f"of {len(before)} acknowledged events {len(set(before) & set(hashes))} are there;"
        f" status said {seen.returncode}; log: {house.daemon_log()[-300:]}",
    )
    expect(known["code"] == 7, known)
    return (
        f"all {len(before)} events are there, exit 7 known; the daemon {'went on' if living else 'ended, the next one went on'}"
    )


@case(
    31,
    "the journal is of a newer version",
    "user_version + 1 while a session runs and no daemon does",
    "refused with 1 (docs/cli.md has one table) and a clear word, the file as it was, the program runs on",
)
def newer(place):
    house = place.house(ONCE + "[sessions.one]\ncommand = 'while :; do echo tick; sleep 0.2; done'\n").up()
    pid = house.until_state("one", "running")["pid"]
    house.kill_daemon()
    file = house.logs / "nightkeep.db"
    database = sqlite3.connect(file, isolation_level=None)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    refused = house.call("up")
    status = house.call("status")
    expect(
        refused.returncode == 1 and "newer" in refused.stderr + house.daemon_log(),
        f"up ended with {refused.returncode}: {refused.stderr}",
    )
    expect(processes.alive(pid), "the program was ended")
    with sqlite3.connect(file) as database:
        expect(database.execute("PRAGMA user_version").fetchone()[0] == version + 1, "the file was changed")
        database.execute(f"PRAGMA user_version = {version}")
    house.up()
    expect(house.session("one")["pid"] == pid, "the program was not adopted afterwards")
    return f"up ends with {refused.returncode}: {told_by(refused, house)}; status {status.returncode}; the program ran on"
