"""Rows 50-52: the file is broken, half-written, replaced, or has lost a session."""

import time

from .. import processes
from ..cases import case, expect
from ..processes import until

RUNS = "[sessions.one]\ncommand = 'sleep 600'\n"
MORE = RUNS + "[sessions.more]\ncommand = 'exit 0'\n"


def begun(place):
    house = place.house(RUNS).up()
    return house, house.until_state("one", "running")["pid"]


def known(house, name):
    return any(s["name"] == name for s in house.status()["sessions"])


@case(
    50,
    "the file is broken",
    "garbage in sessions.toml while a session runs, then a good one again",
    "the old one stays in force, the line is told, the session is not touched",
)
def broken(place):
    house, pid = begun(place)
    house.write(RUNS + "[sessions.more\ncommand = \n")
    problem = until("it is told", lambda: house.status()["file_problem"], 15)
    expect("3" in problem or "line" in problem, f"no line: {problem}")
    expect(house.session("one")["pid"] == pid, "the session was touched")
    house.write(MORE)
    until("the good one counts", lambda: known(house, "more"), 15)
    expect(not house.status()["file_problem"], house.status()["file_problem"])
    return f"told: {problem.replace(str(house.dir), '…')}"


@case(
    51,
    "the file is written in pieces and renamed",
    "half a file for 1 s, then the way of vi",
    "only whole files count, each change is followed",
)
def pieces(place):
    house, pid = begun(place)
    whole = MORE + "[sessions.last]\ncommand = 'exit 0'\n"
    cut = whole.index("exit 0'") + 3
    with open(house.file, "w") as file:
        file.write(whole[:cut])
        file.flush()
        time.sleep(1)
        file.write(whole[cut:])
    until("the whole file counts", lambda: known(house, "last") and not house.status()["file_problem"], 15)
    # vi: the old file moves away, a new one is written under the old name.
    house.file.rename(house.work / "sessions.toml~")
    house.file.write_text(whole + "[sessions.vi]\ncommand = 'exit 0'\n")
    until("the new file counts", lambda: known(house, "vi"), 15)
    expect(house.session("one")["pid"] == pid, "the session was touched")
    return "in pieces: taken when whole; renamed: taken; the session was not touched"


@case(
    51,
    "the file is replaced by a link",
    "a symbolic link to a file elsewhere, while a session runs",
    "followed or refused with a word; the daemon is still the one that is asked",
)
def linked(place):
    house, pid = begun(place)
    target = house.dir / "elsewhere.toml"
    target.write_text(MORE)
    house.file.unlink()
    house.file.symlink_to(target)
    try:
        until("the link counts, or is refused with a word", lambda: known(house, "more") or house.status()["file_problem"], 10)
    except TimeoutError:
        expect(
            False, f"the daemon {house.daemon()} and its session {pid} live; status says: {house.call('status').stdout.strip()}"
        )
    told = house.status()["file_problem"]
    expect(house.session("one")["pid"] == pid, "the session was touched")
    return f"refused: {told}" if told else "taken"


@case(52, "a running session is taken out of the file", "its table is deleted", "it runs on and is marked as removed")
def removed(place):
    house, pid = begun(place)
    house.write("[sessions.other]\ncommand = 'sleep 600'\n")
    until("it is marked", lambda: house.session("one").get("removed"), 15)
    expect(processes.alive(pid) and house.session("one")["state"] == "running", "it was ended")
    return "runs on, removed = true"
