"""What of a refused request was not read: it is thrown away, so that its sender hears the answer.

A server that closes a connection while content is still coming makes the sender see a broken pipe
instead of the answer. So the rest is read, as far as that is reasonable.
"""

import time
from typing import IO, cast

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_input_stream

# So much is read at least, and so many times the largest upload; who announces more than that
# has no answer to wait for.
MOST_BYTES, TIMES_LARGEST = 64 * 1024 * 1024, 4
LONGEST_S = 30.0
_PIECE_BYTES = 64 * 1024


def init_app(app: Flask) -> None:
    """Read what is left of every request that is refused."""
    app.after_request(read_rest_of_refused)


def read_rest_of_refused(response: Response) -> Response:
    """Read on when a request was refused before all of it had come."""
    most_bytes = max(MOST_BYTES, TIMES_LARGEST * (current_app.config["MAX_CONTENT_LENGTH"] or 0))
    if response.status_code >= 400 and (request.content_length or 0) <= most_bytes:
        discard_rest(most_bytes)
    return response


def discard_rest(most_bytes: int) -> int:
    """Read what has not been read of this request and return how many bytes that was.

    Ends at `most_bytes`, after LONGEST_S, and when the sender is gone.
    """
    read_bytes, stop_at_s = 0, time.monotonic() + LONGEST_S
    try:
        rest = _rest()
        while read_bytes < most_bytes and time.monotonic() < stop_at_s:
            piece = rest.read(_PIECE_BYTES)
            if not piece:
                break
            read_bytes += len(piece)
    except (OSError, HTTPException):
        return read_bytes  # There is nobody left to answer.
    return read_bytes


def _rest() -> IO[bytes]:
    environ = request.environ
    if environ.get("wsgi.input_terminated"):
        # The server knows by itself where the content ends.
        return cast("IO[bytes]", environ["wsgi.input"])
    # Where it does not, only the stream that was begun knows how much is left.
    begun: IO[bytes] | None = vars(request).get("stream")
    return get_input_stream(environ) if begun is None else begun
