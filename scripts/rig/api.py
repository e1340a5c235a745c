"""A loopback server that speaks enough of the models' APIs for an agent to work with it; what it answers is scripted.

Bound to 127.0.0.1 and a port that the system chooses, it keeps at most so many requests, each of at most so many bytes,
and gives up after a time. Which API is meant is told by the path: Anthropic messages, OpenAI responses and chat
completions, Gemini generateContent. It also stands in for a proxy: what an agent wants of other hosts is noted, refused,
and leaves the machine in no case.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Tokens of every answer, so that the sums can be known.
SENT, CACHE_READ, CACHE_WRITE, RECEIVED = 1234, 4000, 300, 42

REQUESTS_MAX, BODY_MAX, HANG_MAX = 400, 8 << 20, 600


@dataclass
class Answer:
    """One answer: words, a command that the agent is to run, a refusal, or nothing for a while."""

    text: str = ""
    command: str = ""
    status: int = 200
    kind: str = ""
    headers: dict = field(default_factory=dict)
    seconds: float = 0.0
    # What an error tells beside its kind and its words.
    more: dict = field(default_factory=dict)


def says(text, seconds=0.0):
    """Plain words, after so many seconds."""
    return Answer(text=text, seconds=seconds)


def runs(command):
    """Asks the agent to run a shell command."""
    return Answer(command=command)


def refuses(status, kind, text, **headers):
    """An error of the API; `kind` is its type."""
    return Answer(status=status, kind=kind, text=text, headers={k.replace("_", "-"): str(v) for k, v in headers.items()})


def hangs(seconds=HANG_MAX):
    """No byte for so long."""
    return Answer(text="late", seconds=seconds)


@dataclass
class Request:
    """What an agent sent: where to, whether it is a turn of its conversation, and its body."""

    at: float
    path: str
    turn: bool
    body: dict
    answer: str

    def holds(self, *words):
        """Whether these words are all in what was sent."""
        text = json.dumps(self.body, ensure_ascii=False)
        return all(word in text for word in words)


class Api:
    """The server. Turns get the answers of the script in their order, the last one again and again.

    A turn offers tools, unless the agent has none: then each request is one.
    """

    def __init__(self, *script, tools=True):
        self.tools = tools
        self.script, self.requests, self.outside, self.lock = list(script), [], [], threading.Lock()
        self.closed = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self.thread.start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def turns(self):
        with self.lock:
            return [r for r in self.requests if r.turn]

    def take(self, path, body):
        """Notes a request and gives its answer."""
        turn = bool(body.get("tools")) or not self.tools
        with self.lock:
            if len(self.requests) >= REQUESTS_MAX:
                return refuses(400, "invalid_request_error", "too many requests for a trial")
            answer = says("A title") if not turn else self.script.pop(0) if len(self.script) > 1 else self.script[0]
            what = answer.text or answer.command
            self.requests.append(Request(time.time(), path, turn, body, f"{answer.status} {what}"[:120]))
        return answer

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()


def handler(api):
    """The handler of one server's requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def log_message(self, *_):
            pass

        def reply(self, status, content, kind="application/json", **headers):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def stranger(self):
            """Whether another host is meant: as a proxy is asked."""
            own = api.base.removeprefix("http://")
            if self.command == "CONNECT" or (self.path.startswith("http://") and not self.path.startswith(api.base)):
                with api.lock:
                    api.outside.append(self.path[:200])
                self.close_connection = True
                self.reply(502, {"error": {"message": f"nothing but {own} is to be reached here"}})
                return True
            self.path = self.path.removeprefix(api.base)
            return False

        def do_CONNECT(self):  # noqa: N802 - named by the method of HTTP
            self.stranger()

        def do_HEAD(self):  # noqa: N802
            if not self.stranger():
                self.reply(200, b"")

        def do_GET(self):  # noqa: N802
            if self.stranger():
                return
            if self.path.split("?")[0].endswith("/models"):
                return self.reply(200, {"object": "list", "data": [], "models": []})
            self.reply(404, {"error": {"type": "not_found_error", "message": "there is no such thing"}})

        def do_POST(self):  # noqa: N802
            if self.stranger():
                return
            size = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(min(size, BODY_MAX)) if size else b""
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = {}
            body = body if isinstance(body, dict) else {}
            path = self.path.split("?")[0]
            if path.endswith("/count_tokens") or path.endswith(":countTokens"):
                return self.reply(200, {"input_tokens": SENT, "totalTokens": SENT})
            speak = next((s for end, s in SPOKEN.items() if end in path), None)
            if not speak:
                return self.reply(404, {"error": {"type": "not_found_error", "message": "there is no such thing"}})
            answer = api.take(path, body)
            if answer.seconds:
                api.closed.wait(min(answer.seconds, HANG_MAX))
            try:
                speak(self, path, body, answer)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def stream(self, events, named=True):
            """Server-sent events."""
            text = ""
            for event in events:
                text += f"event: {event['type']}\n" if named else ""
                text += f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
            self.reply(200, text.encode(), "text/event-stream")

    return Handler


def messages(http, _, body, answer):
    """Anthropic's messages."""
    ident = f"{time.time_ns():x}"
    if answer.status != 200:
        error = {"type": "error", "error": {"type": answer.kind, "message": answer.text}, "request_id": f"req_{ident}"}
        return http.reply(answer.status, error, **answer.headers)
    usage = {"input_tokens": SENT, "cache_creation_input_tokens": CACHE_WRITE, "cache_read_input_tokens": CACHE_READ}
    block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": answer.text}
    if answer.command:
        name, given = shell(body.get("tools", []), answer.command)
        block = {"type": "tool_use", "id": f"toolu_{ident}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
    why = "tool_use" if answer.command else "end_turn"
    whole = {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "unknown"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage | {"output_tokens": 1},
    }
    if not body.get("stream"):
        done = block | ({"input": given} if answer.command else {"text": answer.text})
        return http.reply(200, whole | {"content": [done], "stop_reason": why, "usage": usage | {"output_tokens": RECEIVED}})
    http.stream(
        [
            {"type": "message_start", "message": whole},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": why, "stop_sequence": None},
                "usage": usage | {"output_tokens": RECEIVED},
            },
            {"type": "message_stop"},
        ]
    )


def responses(http, _, body, answer):
    """OpenAI's responses."""
    ident = f"{time.time_ns():x}"
    if answer.status != 200:
        error = {"error": {"type": answer.kind, "code": answer.kind, "message": answer.text} | answer.more}
        return http.reply(answer.status, error, **answer.headers)
    item = {
        "type": "message",
        "id": f"msg_{ident}",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": answer.text, "annotations": []}],
    }
    if answer.command:
        name, given = shell(body.get("tools", []), answer.command)
        item = {"type": "function_call", "id": f"fc_{ident}", "call_id": f"call_{ident}", "name": name}
        item |= {"arguments": json.dumps(given), "status": "completed"}
    usage = {
        "input_tokens": SENT,
        "input_tokens_details": {"cached_tokens": 1000},
        "output_tokens": RECEIVED,
        "output_tokens_details": {"reasoning_tokens": 7},
        "total_tokens": SENT + RECEIVED,
    }
    whole = {"id": f"resp_{ident}", "object": "response", "model": body.get("model"), "status": "in_progress", "output": []}
    http.stream(
        [
            {"type": "response.created", "response": whole},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole | {"status": "completed", "output": [item], "usage": usage}},
        ]
    )


def completions(http, _, body, answer):
    """OpenAI's chat completions."""
    ident = f"{time.time_ns():x}"
    if answer.status != 200:
        error = {"error": {"type": answer.kind, "code": answer.kind, "message": answer.text} | answer.more}
        return http.reply(answer.status, error, **answer.headers)
    message = {"role": "assistant", "content": answer.text}
    if answer.command and not body.get("tools"):
        message = {"role": "assistant", "content": f"Run this:\n\n```bash\n{answer.command}\n```\n"}
    elif answer.command:
        name, given = shell(body.get("tools", []), answer.command)
        call = {"index": 0, "id": f"call_{ident}", "type": "function"}
        message = {"role": "assistant", "tool_calls": [call | {"function": {"name": name, "arguments": json.dumps(given)}}]}
    why = "tool_calls" if "tool_calls" in message else "stop"
    usage = {"prompt_tokens": SENT, "completion_tokens": RECEIVED, "total_tokens": SENT + RECEIVED}
    whole = {"id": f"chatcmpl-{ident}", "created": int(time.time()), "model": body.get("model", "unknown")}
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": why}
        return http.reply(200, whole | {"object": "chat.completion", "choices": [choice], "usage": usage})
    whole |= {"object": "chat.completion.chunk"}
    http.stream(
        [
            whole | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            whole | {"choices": [{"index": 0, "delta": {}, "finish_reason": why}]},
            whole | {"choices": [], "usage": usage},
            "[DONE]",
        ],
        named=False,
    )


def generate(http, path, body, answer):
    """Gemini's generateContent, streamed or not."""
    if answer.status != 200:
        error = {"error": {"code": answer.status, "status": answer.kind, "message": answer.text}}
        return http.reply(answer.status, error, **answer.headers)
    part = {"text": answer.text}
    if answer.command:
        tools = [one for group in body.get("tools", []) for one in group.get("functionDeclarations", [])]
        name, given = shell(tools, answer.command)
        part = {"functionCall": {"name": name, "args": given}}
    whole = {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": SENT,
            "candidatesTokenCount": RECEIVED,
            "totalTokenCount": SENT + RECEIVED,
        },
        "modelVersion": path.rsplit("/", 1)[-1].split(":")[0],
    }
    if "stream" in path:
        return http.stream([whole], named=False)
    http.reply(200, whole)


def shell(tools, command):
    """Name and arguments of the tool by which an agent runs a shell command, out of those that it offers."""
    offered = [tool.get("function", tool).get("name", "") for tool in tools]
    for name in ("Bash", "bash", "run_shell_command", "shell_command", "exec_command", "shell"):
        if name in offered:
            break
    else:
        name = "Bash"
    if name in ("exec_command", "shell_command", "shell"):
        # Codex asks about what is to run outside its sandbox.
        ask = {"sandbox_permissions": "require_escalated", "justification": "May it run?"}
        given = {"exec_command": {"cmd": command}, "shell": {"command": ["bash", "-lc", command]}}
        return name, given.get(name, {"command": command}) | ask
    return name, {"command": command} | ({"description": "makes a file"} if name in ("Bash", "bash") else {})


SPOKEN = {
    "/v1/messages": messages,
    "/responses": responses,
    "/chat/completions": completions,
    "enerateContent": generate,
}
