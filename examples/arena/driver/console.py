"""Talks to the server's admin connection and to the bots.

Both are asked one question at a time and answer with one line of JSON.
"""

import json
import selectors
import socket

PATIENCE = 20.0  # seconds; a reload may take 10 before it gives up by itself


class Silence(Exception):
    """A part did not answer, or its connection broke."""


class Console:
    """The operator's side of the admin connection."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.lines = self.socket.makefile("rwb")
        self.write({"token": token})

    def write(self, message):
        """Send one line."""
        self.lines.write(json.dumps(message).encode() + b"\n")
        self.lines.flush()

    def ask(self, command, **arguments):
        """Give a command; return the answer, raise Silence if there is none."""
        try:
            self.write({"do": command} | arguments)
            line = self.lines.readline()
        except OSError as error:
            raise Silence(
                f"the server did not answer to {command!r}: {error}"
            ) from None
        if not line:
            raise Silence(f"the server hung up on {command!r}")
        answer = json.loads(line)
        if "error" in answer and "applied" not in answer:
            raise Silence(f"the server could not {command}: {answer['error']}")
        return answer

    def close(self):
        """Hang up."""
        self.lines.close()
        self.socket.close()


class Crowd:
    """The bots' process, seen through its standard streams."""

    def __init__(self, part):
        self.part = part

    def report(self):
        """Return the bots' report as of now."""
        try:
            self.part.stdin.write(b"\n")
            self.part.stdin.flush()
        except BrokenPipeError:
            raise Silence("the bots are gone") from None
        return self.next_report()

    def next_report(self):
        """Wait for a report that comes by itself or was asked for."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.part.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise Silence("the bots did not answer")
        line = self.part.stdout.readline()
        if not line:
            raise Silence("the bots are gone")
        return json.loads(line)
