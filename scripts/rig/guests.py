"""What is tried with the agents' own programs: cases, each with answers of the loopback API and what should come of them."""

import ctypes
import fcntl
import json
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

from . import agents, api, processes
from .cases import Case, Failed, NotHere, expect
from .processes import until

PROMPT = "Create the file please"
COMMAND = "echo made > made_by_agent.txt"
DONE = "All is done."
NAME = "guest"
# One program at a time may still be slow to start on a machine with other work.
SLOW = 90


class Guest:
    """An agent in a house of its own, with its API beside it and nothing else to be reached."""

    def __init__(self, place, agent, options, *script, more="", **how):
        self.agent, self.program = agent, agent.found(options.prefix)
        if not self.program:
            raise NotHere(f"{agent.package} is not installed")
        self.alone = alone()
        self.api = api.Api(*script, tools=agent.name != "aider")
        place.stack.callback(self.api.close)
        self.house = place.house()
        place.stack.callback(self.keep, options)
        self.folder = self.house.work / "job"
        subprocess.run(["git", "init", "--quiet", str(self.folder)], check=True, env=self.house.env)
        command, env = agent.settle(self.house, self.api, self.program, self.folder, **how)
        self.house.env |= agents.walled(self.api) | env
        self.house.write(
            f"""[agents.{agent.name}]
command = {json.dumps(command)}

[sessions.{NAME}]
agent = "{agent.name}"
dir = "job"
prompt = "{PROMPT}"
retry = {{ initial_delay = "1s", max_delay = "2s" }}
{more}
"""
        )
        self.house.up()

    def keep(self, options):
        """Leaves what is needed to see why a case failed: the chain, the requests, the screen, the bytes."""
        folder = Path(options.prefix) / "last" / f"{self.agent.name}-{options.playing}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            (folder / "why").write_text(self.house.call("why", NAME).stdout)
            (folder / "screen").write_text(self.screen())
            for raw in (self.house.logs / "output" / NAME).glob("*.log"):
                shutil.copy(raw, folder / f"{raw.stem}.raw")
        except (OSError, subprocess.SubprocessError):
            pass
        lines = [f"{r.at:.1f} {'turn' if r.turn else 'aside'} {r.path} {r.answer}" for r in self.api.requests]
        (folder / "requests").write_text("\n".join([*lines, *(f"refused {o}" for o in self.api.outside)]) + "\n")

    # ---- what nightkeep makes of it

    def moves(self, attempt=None):
        """What it saw the agent do, oldest first."""
        found = self.house.kinds("agent_moved")
        return [f["seen"] for f in found if attempt is None or f["attempt"].endswith(f".{attempt}")]

    def story(self):
        """The same in words."""
        return " → ".join(words(seen) for seen in self.moves() if seen["activity"] != "unknown") or "nothing seen"

    def until_seen(self, what, holds, attempt=None, seconds=SLOW):
        """Waits until the newest judgement is such a one; gives it."""

        def newest():
            seen = self.moves(attempt)
            return seen[-1] if seen and holds(seen[-1]) else None

        try:
            return until(what, newest, seconds, pause=0.4)
        except TimeoutError as late:
            raise Failed(f"{late}; seen: {self.story()}; {self.end()}") from late

    def until_turns(self, count, seconds=SLOW):
        try:
            return until(f"{count} requests", lambda: len(self.api.turns()) >= count and self.api.turns(), seconds)
        except TimeoutError as late:
            raise Failed(f"{late}, {len(self.api.turns())} came; seen: {self.story()}; {self.end()}") from late

    def end(self):
        session = self.house.session(NAME)
        return f"{session['state']}: {session.get('reason')}"

    def screen(self):
        line = ["tmux", "-S", str(self.house.tmux_socket()), "capture-pane", "-p", "-t", NAME]
        return subprocess.run(line, capture_output=True, text=True).stdout

    def until_done(self, attempt=None, said=DONE, seconds=SLOW):
        """Waits until it has shown its answer and stands at its prompt without a failure, or has left well."""
        if self.agent.name == "aider":
            # Given a message, it leaves when it has answered that.
            session = self.house.until_state(NAME, "succeeded", "failed", "dead_letter", seconds=seconds)
            expect(session["state"] == "succeeded", f"{session['state']}: {session['reason']}; seen: {self.story()}")
            return None
        try:
            until(f"{said!r} on the screen", lambda: said in self.screen(), seconds, pause=0.3)
        except TimeoutError as late:
            raise Failed(f"{late}; seen: {self.story()}; {self.end()}") from late
        # What was idle before it began is no end: a look follows within a second.
        time.sleep(1.5)
        return self.until_seen("it is done", lambda s: s["activity"] == "idle" and not s.get("class"), attempt, seconds)

    def said_by_status(self, *words):
        """Holds that `status` says the same as the journal."""

        def said():
            return self.house.session(NAME)["activity"] in words

        try:
            until(f"status says {' or '.join(words)}", said, 10)
        except TimeoutError as late:
            raise Failed(f"{late}: it says {self.house.session(NAME)['activity']}; seen: {self.story()}") from late

    def used(self, turns):
        """Holds that `usage` counts so many answers; gives the figures in words."""
        sent, received = agents_tokens(self.agent.name)

        def row():
            rows = json.loads(self.house.ok("usage", "--json"))["rows"]
            return next((r["usage"] for r in rows if r["key"] == NAME), None)

        def counted():
            found = row()
            if self.agent.name == "aider":
                # It rounds, and counts by itself what the server does not tell it in a stream.
                return found and found["input_tokens"] > 0 and found
            right = found and (found["input_tokens"], found["output_tokens"]) == (turns * sent, turns * received)
            return right and found

        try:
            found = until("usage", counted, 30)
        except TimeoutError as late:
            raise Failed(f"usage should be {turns * sent} and {turns * received}, it is {row()}") from late
        cost = "without a price" if found["usd"] is None else f"{found['usd']:.4f} $"
        return f"{found['input_tokens']} tokens sent, {found['output_tokens']} received, {cost}"

    def kill(self):
        """Kills the program, all of it."""
        pid = self.house.session(NAME)["pid"]
        for one in [pid, *processes.below(pid)]:
            processes.kill(one)

    def started(self):
        """Command lines of the attempts, as they were started."""
        return [f for f in self.house.kinds("attempt_intended")]

    def told(self, text):
        """The last words of a case, with what was kept from reaching out."""
        hosts = sorted({host.split("/")[0] if "//" not in host else host.split("/")[2] for host in self.api.outside})
        text += f"; {self.story()}"
        return f"{text}; refused to reach {', '.join(hosts)}" if hosts else text


def words(seen):
    """A judgement in a few words, with the rule."""
    parts = [seen["activity"], (seen.get("class") or "").replace("_", " ")]
    parts += ["tries again by itself" if seen.get("retries") else "", "goes on by itself" if seen.get("resumes") else ""]
    return f"{', '.join(p for p in parts if p)} ({seen['rule']})"


def agents_tokens(name):
    """Tokens sent and received that one answer counts."""
    if name == "claude":
        return api.SENT + api.CACHE_READ + api.CACHE_WRITE, api.RECEIVED
    return api.SENT, api.RECEIVED


def alone():
    """Leaves the network but for a loopback of its own; says why when that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(0x40000000) != 0:
        return False
    with socket.socket() as one:
        # Sets the interface up and running.
        fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
    return True


# ---- the cases: each gets what makes a guest, and gives back what was seen


def works(guest):
    one = guest(api.says(DONE))
    one.until_done()
    if one.agent.name != "aider":
        one.said_by_status("idle")
    return one.told(one.used(1))


def asks(guest):
    one = guest(api.runs(COMMAND), api.says(DONE))
    asked = one.until_seen("it asks", lambda s: s["activity"] == "prompting" and s.get("prompt"))
    prompt = until("a ticket", lambda: one.house.session(NAME)["prompt"], 20)
    expect(prompt["command"] == COMMAND, f"the ticket has the command {prompt['command']!r}, by {asked['rule']}")
    expect(prompt["about"] == "bash-command", f"the ticket is about {prompt['about']!r}")
    expect(not (one.folder / "made_by_agent.txt").exists(), "the command ran before it was allowed")
    done = one.house.call("answer", NAME, "allow")
    expect(done.returncode == 0, f"answer ended with {done.returncode}: {done.stderr.strip()}; choices {prompt['choices']}")
    until("the file", lambda: (one.folder / "made_by_agent.txt").exists(), 30)
    one.until_done()
    return one.told(f"ticket: {prompt['text']!r}; {done.stdout.strip()}; the file is there")


def refused(guest):
    one = guest(api.runs(COMMAND), api.says(DONE))
    one.until_seen("it asks", lambda s: s["activity"] == "prompting" and s.get("prompt"))
    prompt = until("a ticket", lambda: one.house.session(NAME)["prompt"], 20)
    done = one.house.call("answer", NAME, "deny")
    if done.returncode == 2:
        number = next((c["number"] for c in prompt["choices"] if c["label"].lower().startswith(("no", "reject"))), None)
        expect(number, f"no choice says no: {prompt['choices']}")
        done = one.house.call("answer", NAME, str(number))
    expect(done.returncode == 0, f"answer ended with {done.returncode}: {done.stderr.strip()}")
    if one.agent.name == "aider":
        one.until_done()
    else:
        one.until_seen("it asks no more", lambda s: s["activity"] != "prompting")
    expect(not (one.folder / "made_by_agent.txt").exists(), "the command ran although it was refused")
    return one.told(f"{done.stdout.strip()}; the file is not there")


def killed(guest):
    one = guest(api.says("My word is heron."), api.says(DONE))
    if one.agent.name == "aider":
        raise NotHere("given a message, it leaves by itself when it has answered")
    one.until_done(attempt=1, said="heron")
    # Some write what was said a moment later than they show it.
    time.sleep(3)
    one.kill()
    turns = one.until_turns(2)
    one.until_done(attempt=2)
    expect(turns[1].holds("heron", PROMPT), "the second attempt did not send what was said in the first")
    expect(turns[1].holds("You were interrupted"), "the second attempt was not told that it was interrupted")
    ends = one.house.ends(NAME)
    expect(len(ends) == 1, f"it ended {len(ends)} times")
    return one.told("attempt 2 sent the conversation of attempt 1, and that it was interrupted")


def cut_off(guest):
    one = guest(api.says("My word is heron."), api.hangs(), api.says(DONE))
    one.until_done(attempt=1, said="heron")
    one.house.ok("send", NAME, "say another")
    one.house.ok("send", NAME, "--key", "Enter")
    one.until_turns(2)
    one.until_seen("it works", lambda s: s["activity"] == "working")
    # Nobody is there either when it comes again.
    processes.kill(one.house.daemon())
    one.kill()
    until("no daemon", lambda: not one.house.daemon(), 30)
    one.house.up()
    turns = one.until_turns(3)
    one.until_done(attempt=2)
    expect(turns[2].holds("heron", PROMPT), "the second attempt did not send what was said in the first")
    expect(turns[2].holds("You were interrupted"), "the second attempt was not told that it was interrupted")
    time.sleep(5)
    expect(len(one.api.turns()) == 3, f"it asked {len(one.api.turns())} times")
    return one.told("attempt 2 sent the conversation of attempt 1, and that it was interrupted, once")


def bad_key(guest):
    one = guest(BAD_KEY[guest.agent.name])
    seen = one.until_seen("class auth", lambda s: s.get("class") == "auth")
    expect(len(one.house.ends(NAME)) == 0 or one.agent.name == "aider", f"it was ended: {one.end()}")
    return one.told(f"auth by {seen['rule']}")


def limit(guest):
    reset = int(time.time()) + 25
    # One that gives up is believed after a minute, and its account tried half a minute after the limit.
    one = guest(*LIMIT[guest.agent.name](reset), **({"subscriber": True} if guest.agent.name == "claude" else {}))
    seen = one.until_seen("class usage_limit", lambda s: s.get("class") == "usage_limit")
    told = (seen.get("limit") or {}).get("resets")
    expect(told, f"no end of the limit was read; seen: {words(seen)}")
    # The screen names minutes only.
    expect(abs(told / 1000 - reset) < 61, f"the limit is said to end {told / 1000 - reset:.0f} s off")
    before = len(one.api.turns())
    one.until_turns(before + 1, 420)
    took = time.time() - reset
    one.until_done(seconds=60)
    time.sleep(5)
    expect(len(one.api.turns()) == before + 1, f"it asked {len(one.api.turns()) - before} times after the limit")
    how = "went on by itself, nothing was typed" if not one.house.ends(NAME) else "was started again with its conversation"
    expect(one.api.turns()[-1].holds(PROMPT), "the conversation was not gone on with")
    return one.told(f"{how}, {took:.0f} s after the limit, once")


def busy(guest):
    late = api.refuses(429, "rate_limit_error", "Too many requests", retry_after=2)
    one = guest(late, late, late, api.says(DONE))
    one.until_seen("it tries again by itself", lambda s: s.get("retries"))
    one.until_done(seconds=120)
    expect(not one.house.ends(NAME), "it was ended while it tried again by itself")
    return one.told(f"{len(one.api.turns())} requests, attempt 1 all the time")


def overloaded(guest):
    over = api.refuses(529, "overloaded_error", "Overloaded")
    one = guest(over, over, over, api.says(DONE))
    one.until_seen("class provider_down", lambda s: s.get("class") == "provider_down" and s["activity"] == "idle")
    turns = one.until_turns(4, 400)
    one.until_done(attempt=2)
    counted = [f["counted"] for f in one.house.kinds("attempt_ended")]
    expect(counted == [False], f"attempts counted: {counted}")
    expect(turns[3].holds(PROMPT), "the second attempt did not send the conversation")
    return one.told("it gave up, and was started again behind the breaker; no attempt was taken")


def no_credit(guest):
    one = guest(api.refuses(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."))
    seen = one.until_seen("class billing", lambda s: s.get("class") == "billing")
    return one.told(f"billing by {seen['rule']}")


def context(guest):
    one = guest(api.says("My word is heron."), FULL[guest.agent.name])
    one.until_done(attempt=1, said="heron")
    one.house.ok("note", NAME, "mind the gap")
    seen = one.until_seen("class context_full", lambda s: s.get("class") == "context_full")
    # Some made their conversation smaller and tried again until here.
    before = len(one.api.turns())
    one.api.script[:] = [api.says(DONE)]
    turns = one.until_turns(before + 1, 300)
    one.until_done(attempt=2)
    last = turns[before]
    expect(not last.holds("heron"), "the second attempt sent the full conversation")
    expect(last.holds(PROMPT, "brief.md"), "the second attempt was not told what to do, or of the hand-over")
    expect([f["counted"] for f in one.house.kinds("attempt_ended")] == [True], "the full one did not take its attempt")
    return one.told(f"context full by {seen['rule']}; another conversation with a hand-over")


RULE = "prompt = \"bash-command\"\ncommand = '^touch '\nanswer = \"allow\"\n"


def noted(guest):
    one = guest(api.says("My word is heron.", seconds=8), api.says("Minded."), api.says(DONE))
    one.until_turns(1)
    one.house.ok("note", NAME, "mind the gap\nand the step, as in @README.md")
    turns = one.until_turns(2)
    expect(turns[1].holds("heron", "A note from the operator (n1)", "mind the gap", "and the step"), "not what was noted")
    one.until_done(said="Minded.")
    one.house.ok("note", NAME, "do no more")
    turns = one.until_turns(3)
    one.until_done()
    expect(turns[2].holds("do no more"), "the second note is not in the third request")
    expect(json.dumps(turns[2].body).count("mind the gap") == 1, "the first note was sent twice")
    time.sleep(5)
    expect(len(one.api.turns()) == 3, f"{len(one.api.turns())} requests came")
    notes = json.loads(one.house.ok("note", NAME, "--json"))["notes"]
    expect([len(n["typed"]) for n in notes] == [1, 1], f"typed: {notes}")
    return one.told("each note once, the first after the turn in which it was written")


def policy(guest):
    script = api.runs("touch made_by_agent.txt"), api.runs("mkdir made_by_agent"), api.says(DONE)
    one = guest(*script, more=f"[[sessions.{NAME}.answers]]\n{RULE}")
    until("the file", lambda: (one.folder / "made_by_agent.txt").exists(), SLOW)

    def asked():
        found = one.house.session(NAME)["prompt"]
        return found and found["command"] == "mkdir made_by_agent" and found["state"] == "open" and found

    prompt = until("a ticket for the other command", asked, SLOW)
    time.sleep(4)
    expect(asked(), "somebody answered what no rule is for")
    expect(not (one.folder / "made_by_agent").exists(), "the other command ran")
    one.house.ok("answer", NAME, "allow")
    one.until_done()
    expect((one.folder / "made_by_agent").exists(), "the other command did not run")
    moved = [f["ticket"] for f in one.house.kinds("ticket_moved")]
    by = sorted({(t["answer"].get("rule") or {}).get("words", "a person") for t in moved if t.get("stage") == "answered"})
    expect(len(by) == 2, f"answered by {by}")
    return one.told(f"answered by {' and '.join(by)}; {prompt['note'] or 'asked'}")


def budget(guest):
    sent, received = agents_tokens(guest.agent.name)
    # Codex tells what an answer used when what it asked for is decided.
    more = f"budget = {{ tokens = {sent + received - 1} }}\n[[sessions.{NAME}.answers]]\n{RULE}"
    one = guest(api.runs("touch made_by_agent.txt"), api.runs("mkdir made_by_agent"), api.says(DONE), more=more)
    session = one.house.until_state(NAME, "failed", seconds=SLOW)
    ends = one.house.kinds("attempt_ended")
    found = [(f["verdict"] or {}).get("class") for f in ends]
    expect(found == ["budget_exceeded"] and not ends[0]["counted"], f"it ended with {found}: {session['reason']}")
    before = len(one.api.turns())
    time.sleep(5)
    expect(before <= 2 and len(one.api.turns()) == before, f"{len(one.api.turns())} requests came")
    expect(not one.house.session(NAME)["pid"], "its program runs on")
    return one.told(session["reason"])


def limited(reset):
    """What a subscription's used-up five hours look like."""
    unified = {
        "status": "rejected",
        "reset": reset,
        "representative-claim": "five_hour",
        "5h-status": "rejected",
        "5h-reset": reset,
        "5h-utilization": "1.0",
        "overage-status": "rejected",
        "overage-disabled-reason": "org_level_disabled",
    }
    headers = {f"anthropic-ratelimit-unified-{name}": str(value) for name, value in unified.items()}
    no = api.refuses(429, "rate_limit_error", "This request would exceed your account's rate limit.", retry_after=25)
    no.headers |= headers
    return no, api.says(DONE)


def used_up(reset):
    """The same of a ChatGPT plan."""
    no = api.refuses(429, "usage_limit_reached", "The usage limit has been reached")
    no.more = {"plan_type": "plus", "resets_at": reset, "resets_in_seconds": 25}
    return no, api.says(DONE)


LIMIT = {"claude": limited, "codex": used_up}
BAD_KEY = {
    "claude": api.refuses(401, "authentication_error", "invalid x-api-key"),
    "codex": api.refuses(401, "invalid_api_key", "Incorrect API key provided: dummy."),
    "gemini": api.refuses(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "opencode": api.refuses(401, "invalid_api_key", "Incorrect API key provided: dummy."),
    "aider": api.refuses(401, "invalid_api_key", "Incorrect API key provided: dummy."),
}

FULL = {
    "claude": api.refuses(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "codex": api.refuses(
        400,
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
}

# Given a message, aider leaves when it has answered that.
STAYS = ("claude", "codex", "gemini", "opencode")
EVERY = ("claude", "codex", "gemini", "opencode", "aider")
# Name, what the API does, what is expected, what plays it, for whom, seconds at most.
TRIED = [
    ("works", "an answer", "working, then done at its prompt; its tokens counted", works, EVERY, 200),
    ("asks", "a command to run", "a ticket with the command, `answer` lets it run, it goes on", asks, EVERY, 240),
    ("refused", "a command to run", "`answer` with no: it does not run", refused, EVERY, 240),
    ("killed", "an answer, then SIGKILL", "the next attempt goes on with the conversation", killed, EVERY, 300),
    ("cut", "an answer, then none; SIGKILL of it and of the daemon", "it goes on with the conversation", cut_off, ("opencode",), 300),
    ("key", "401, or 400 for Gemini", "class auth, left standing", bad_key, EVERY, 200),
    ("limit", "429 of a plan, over in 25 s", "usage limit until then, goes on, once", limit, ("claude", "codex"), 600),
    ("busy", "429 three times", "it tries again by itself and is let be", busy, ("claude",), 300),
    ("overloaded", "529 three times", "provider down; gave up, started again, no attempt taken", overloaded, ("claude",), 600),
    ("credit", "400: no credit", "class billing, left standing", no_credit, ("claude",), 200),
    ("context", "400: the context is full", "another conversation with a hand-over", context, ("claude", "codex"), 500),
    ("note", "answers", "each note is typed once, at its next prompt", noted, STAYS, 300),
    ("policy", "two commands, a rule for one", "the rule allows one, a person the other", policy, STAYS, 300),
    ("budget", "an answer that uses it up", "stopped, not tried again", budget, ("claude", "codex", "gemini"), 200),
]


def declared(options):
    """All cases of all agents, in their order."""
    found = []
    for row, agent in enumerate(agents.AGENTS):
        for column, (name, does, expected, play, whom, limit) in enumerate(TRIED):
            if agent.name in whom:
                number = row * 20 + column + 1
                found.append(Case(number, f"{agent.name} {name}", does, expected, played(agent, name, play, options), False, limit))
    return found


def played(agent, name, play, options):
    """The function that plays one case of one agent in a place."""

    def run(place):
        def guest(*script, **how):
            options.playing = name
            return Guest(place, agent, options, *script, **how)

        guest.agent = agent
        return play(guest)

    return run
