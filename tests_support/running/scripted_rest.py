"""A REST service that answers from a table, and notes what it was asked."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedRest:
    """Answers from a table: (method, path without query) -> statuses, headers and bodies, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, dict[str, str], bytes]]] = {}
        self.asked: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                fake.asked.append(f"{self.command} {self.path}")
                answers = fake.answers.get((self.command, self.path.partition("?")[0]), [(404, {}, b"{}")])
                status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def on(self, method: str, path: str, *bodies: object, status: int = 200, **headers: str) -> None:
        self.answers[method, path] = [
            (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()) for body in bodies
        ]
