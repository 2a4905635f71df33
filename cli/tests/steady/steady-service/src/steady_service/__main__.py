"""A service that is ready at once, serves until it is told to stop, and then says so."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import FrameType
from typing import NoReturn


class Answer(BaseHTTPRequestHandler):
    """200 to everything, and something that its operator should know."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ready": true, "problems": {}, "notices": {"engine": "its model ends soon"}}')


def stop(number: int, frame: FrameType | None) -> NoReturn:
    print("stopped in order", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print("serving", flush=True)
HTTPServer(("127.0.0.1", int(os.environ["HTTP_PORT"])), Answer).serve_forever()
