"""The agents' own programs: where they come from, how they are set up in a house, and what a session of them says."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Not a secret: nothing but the loopback server ever gets it.
KEY = "sk-ant-api03-nightkeep-try-0000000000000000000000000000000000000000"
INSTALL_MAX = 900


@dataclass
class Agent:
    """A program: its package, the command it is installed as, and how it is told where its API is."""

    name: str
    registry: str
    package: str
    program: str
    settle: object

    def folder(self, prefix):
        return Path(prefix) / self.name

    def found(self, prefix):
        """The installed program, if there is one."""
        place = "bin" if self.registry == "pip" else "node_modules/.bin"
        path = self.folder(prefix) / place / self.program
        return path if os.access(path, os.X_OK) else None

    def install(self, prefix, again=False):
        """Installs it from its registry unless it is there; gives the program, or why there is none."""
        if not again and (path := self.found(prefix)):
            return path, ""
        folder = self.folder(prefix)
        folder.mkdir(parents=True, exist_ok=True)
        if self.registry == "pip":
            lines = [
                [sys.executable, "-m", "venv", str(folder)],
                [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--upgrade", self.package],
            ]
        else:
            if not shutil.which("npm"):
                return None, "there is no npm"
            quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
            # Named, or npm takes an older one when the newest asks for another Node.js, which it brings itself.
            lines = [["npm", "install", *quiet, "--prefix", str(folder), f"{self.package}@latest"]]
        for line in lines:
            try:
                done = subprocess.run(line, capture_output=True, text=True, timeout=INSTALL_MAX, stdin=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                return None, f"{line[0]} did not end within {INSTALL_MAX} s"
            except OSError as error:
                return None, str(error)
            if done.returncode != 0:
                return None, " ".join((done.stderr or done.stdout).split())[-300:] or f"{line[0]} ended with {done.returncode}"
        path = self.found(prefix)
        return path, "" if path else f"{self.package} brought no {self.program}"

    def version(self, program):
        """What it says of itself, asked in a folder that is thrown away."""
        with tempfile.TemporaryDirectory() as home:
            env = {"PATH": os.environ["PATH"], "HOME": home, "DISABLE_AUTOUPDATER": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
            line = [str(program), "--version"]
            done = subprocess.run(line, capture_output=True, text=True, timeout=120, env=env, stdin=subprocess.DEVNULL)
        return " ".join(done.stdout.split()) or f"--version ended with {done.returncode}"


def written(path, content):
    """Writes a file of settings, as a user would have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))


# What keeps agents from reaching anything but the loopback server, beside their own switches.
def walled(api):
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    here = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return {name: api.base for name in names} | here | {"DO_NOT_TRACK": "1", "NO_UPDATE_NOTIFIER": "1"}


def claude(house, api, program, folder, subscriber=False):
    settings = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": "2.1.329",
        "theme": "dark",
        "autoUpdates": False,
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(folder): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    written(house.home / ".claude.json", settings)
    key = {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-nightkeep-try"} if subscriber else {"ANTHROPIC_API_KEY": KEY}
    env = {
        "ANTHROPIC_BASE_URL": api.base,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_BUG_COMMAND": "1",
        "DISABLE_INSTALLATION_CHECKS": "1",
    }
    # Its own default by now lets commands through without asking.
    return [str(program), "--permission-mode", "manual"], env | key


def codex(house, api, program, folder):
    written(
        house.home / ".codex/config.toml",
        f"""model = "gpt-5.2-codex"
model_provider = "loopback"
approval_policy = "on-request"
sandbox_mode = "read-only"
check_for_update_on_startup = false

[model_providers.loopback]
name = "loopback"
base_url = "{api.base}/v1"
env_key = "LOOPBACK_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2

[projects."{folder}"]
trust_level = "trusted"

[analytics]
enabled = false

[otel]
exporter = "none"
""",
    )
    return [str(program)], {"LOOPBACK_KEY": KEY}


def gemini(house, api, program, folder):
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "ui": {"hideTips": True},
    }
    written(house.home / ".gemini/settings.json", settings)
    env = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": api.base, "GEMINI_TELEMETRY_ENABLED": "false"}
    return [str(program), "-m", "gemini-2.5-flash"], env


def opencode(house, api, program, folder):
    model = {"name": "Loopback", "limit": {"context": 200_000, "output": 8_000}, "tool_call": True}
    settings = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "model": "loopback/loopback-1",
        "small_model": "loopback/loopback-1",
        "permission": {"bash": "ask", "edit": "ask"},
        "provider": {
            "loopback": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Loopback",
                "options": {"baseURL": f"{api.base}/v1", "apiKey": KEY},
                "models": {"loopback-1": model},
            }
        },
    }
    written(house.home / ".config/opencode/opencode.json", settings)
    off = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS", "SHARE")
    return [str(program)], {f"OPENCODE_DISABLE_{name}": "1" for name in off}


def aider(house, api, program, folder):
    off = ["--no-check-update", "--no-show-release-notes", "--analytics-disable", "--no-show-model-warnings", "--no-gitignore"]
    line = [str(program), "--model", "openai/loopback-1", "--openai-api-base", f"{api.base}/v1", "--edit-format", "diff", *off]
    return line, {"OPENAI_API_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "AIDER_ANALYTICS": "false"}


AGENTS = [
    Agent("claude", "npm", "@anthropic-ai/claude-code", "claude", claude),
    Agent("codex", "npm", "@openai/codex", "codex", codex),
    Agent("gemini", "npm", "@google/gemini-cli", "gemini", gemini),
    Agent("opencode", "npm", "opencode-ai", "opencode", opencode),
    Agent("aider", "pip", "aider-chat", "aider", aider),
]
