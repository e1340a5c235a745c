"""Puts what was measured into docs/reliability.md, between the marks of the script that measured it."""

import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/reliability.md"


def put(script, text):
    """Replaces what stands between a script's marks."""
    begin, end = f"<!-- {script}: begin -->", f"<!-- {script}: end -->"
    page = PAGE.read_text()
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"error: {PAGE} has no place for it: {begin} … {end}")
    PAGE.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")


def machine(binary):
    """One line on where and with what."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1]) / (1 << 20)
    tmux = subprocess.run(["tmux", "-V"], capture_output=True, text=True).stdout.strip()
    version = subprocess.run([str(binary), "--version"], capture_output=True, text=True).stdout.strip()
    cores = f"{os.cpu_count()} cores ({model[1] if model else 'unknown'})"
    return f"{date.today()}: {cores}, {memory:.0f} GiB, {platform.system()} {platform.release()}, {tmux}, {version}."


def cell(text):
    """Text that cannot break a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;").replace("*", "\\*")


def faults(results, binary):
    """The table of faults from the results of a whole run."""
    lines = [machine(binary), "", "| row | fault | what nightkeep is to make of it | quick | seen |", "|---|---|---|---|---|"]
    for result in results:
        one = result.case
        quick = "yes" if one.quick else ""
        seen = f"{result.verdict}: {result.seen}"
        fault = f"{one.name}: {one.injected}"
        lines.append(f"| {one.number} | {cell(fault)} | {cell(one.expected)} | {quick} | {cell(seen)} |")
    return "\n".join(lines)
