"""The cases, by what they break."""

from . import clocks, config, daemon, disks, ends, journal, output, outside, tmux  # noqa: F401
