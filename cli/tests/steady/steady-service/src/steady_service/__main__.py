"""A service that is ready at once, serves until it is told to stop, and then says so."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import FrameType
from typing import NoReturn


class Answer(BaseHTTPRequestHandler):
    """What it was given at /environment; else 200, and something that its operator should know."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        ready = {"ready": True, "problems": {}, "notices": {"engine": "its model ends soon"}}
        self.wfile.write(json.dumps(dict(os.environ) if self.path == "/environment" else ready).encode())


def stop(number: int, frame: FrameType | None) -> NoReturn:
    print("stopped in order", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("serving", flush=True)
HTTPServer(("127.0.0.1", int(os.environ["HTTP_PORT"])), Answer).serve_forever()
