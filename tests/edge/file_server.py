"""A registry of packages on loopback: it serves files, and does what registries do on bad days."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class FileServer:
    """Files by path, and what was asked for."""

    def __init__(self):
        self.files = {}
        self.asked = []
        """Path, `Range` and `Authorization` of each request."""
        self.breaks = {}
        """After how many bytes of a path the connection ends, once."""
        self.without_parts = None
        """What a request for a part of a file gets: the whole of it (200), or a refusal (400)."""
        self.waits = set()
        """Paths whose answer never ends."""
        self.reached = Event()
        """Set when one of these is asked for."""
        self.closed = Event()

    @contextmanager
    def serving(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.closed.set()
            server.shutdown()
            server.server_close()

    def ranges(self, path):
        return [asked_range for one, asked_range, _ in self.asked if one == path]

    def _handler(self):
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.close_connection = True
                files.answer(self)

            def log_message(self, *_):
                """Keep quiet."""

        return Handler

    def answer(self, request):
        path, part = request.path, request.headers["Range"]
        self.asked.append((path, part, request.headers["Authorization"]))
        content = self.files.get(path)
        if content is None or (part and self.without_parts == 400):
            request.send_error(404 if content is None else 400)
            return
        begin = 0 if part is None or self.without_parts else int(part[len("bytes=") : -1])
        request.send_response(206 if begin else 200)
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Type", "text/html" if path.endswith("/") else "data/data")
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        if path in self.waits:
            self.reached.set()
            self.closed.wait(60)
            return
        request.wfile.write(content[begin:][: self.breaks.pop(path, None)])
