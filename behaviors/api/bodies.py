"""Reading a request's content: bounded, unpacked, and parsed without losing a digit."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from flask import Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from carbonaccount.web.problems import RequestRefused, invalid_content

SMALL_BODY_BYTES = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_SHORT_INTEGER = 40
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_PLAIN_NAMES = frozenset({"", "identity"})

M = TypeVar("M", bound=BaseModel)
View = Callable[..., Response]


def read_raw(limit_bytes: int) -> bytes:
    """Return the content as it was sent, before any unpacking.

    Raises RequestRefused 413 when it is larger than the limit, 400 when it broke off.
    """
    # One byte more: of content without a length, what exceeds this is cut off without a word.
    request.max_content_length = limit_bytes + 1
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise RequestRefused(413, "body_too_large", limit_bytes=limit_bytes) from None
    except ClientDisconnected:
        raise RequestRefused(400, "malformed_body") from None
    if len(data) > limit_bytes:
        raise RequestRefused(413, "body_too_large", limit_bytes=limit_bytes)
    return data


def unpacked(raw: bytes, limit_bytes: int) -> bytes:
    """Return the content after its Content-Encoding is undone.

    Raises RequestRefused: 415 for an encoding other than gzip, 413 when more than the limit
    comes out (a bomb is never unpacked further than that), 400 when the gzip data is damaged.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _PLAIN_NAMES:
        return raw
    if encoding not in _GZIP_NAMES:
        raise RequestRefused(415, "content_encoding", headers={"Accept-Encoding": "gzip"})
    return gunzip(raw, limit_bytes)


def gunzip(raw: bytes, limit_bytes: int) -> bytes:
    """Unpack one gzip member, never beyond the limit.

    A second member is refused like any other trailing data: unpacking thousands of empty ones
    would cost a small sender nothing and us a lot.
    """
    unpacker = zlib.decompressobj(_GZIP)
    try:
        data = unpacker.decompress(raw, limit_bytes + 1)
    except zlib.error:
        raise RequestRefused(400, "malformed_gzip") from None
    if len(data) > limit_bytes:
        raise RequestRefused(413, "body_too_large", limit_bytes=limit_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise RequestRefused(400, "malformed_gzip")
    return data


def require_json() -> None:
    """Raises RequestRefused 415 unless the content is declared as JSON."""
    if request.mimetype != "application/json":
        raise RequestRefused(415, "content_type", headers={"Accept": "application/json"})


def exact_json(data: bytes) -> object:
    """Parse JSON with every number as written: fractions and huge integers become Decimal.

    NaN and Infinity, which are no JSON but which programs send, become Decimal as well, so that
    the field they stand in can be named. Raises RequestRefused 400 for anything else, also for
    an object that has a name twice: which of the two was meant nobody can tell.
    """
    try:
        return json.loads(
            data,
            parse_float=Decimal,
            parse_constant=Decimal,
            parse_int=_exact_integer,
            object_pairs_hook=_each_name_once,
        )
    except (ValueError, RecursionError):
        raise RequestRefused(400, "malformed_body") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _count), *_others = Counter(name for name, _value in pairs).most_common(1)
        raise RequestRefused(400, "repeated_name", name=twice[:40])
    return found


def _exact_integer(digits: str) -> int | Decimal:
    # Python refuses to read very long integers, and Decimal reads them at once.
    return int(digits) if len(digits) <= _SHORT_INTEGER else Decimal(digits)


def validated(model: type[M], content: object) -> M:
    """Return the content as a model; raises InvalidContent naming each field that is wrong."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise invalid_content(error) from None


def takes_json(view: View) -> View:
    """Read, parse and validate the content into the view's `body`, whose annotation says how.

    The library's own reading would turn numbers into floats and take other content types as
    empty, so it is told to leave the request alone.
    """
    model: type[BaseModel] = get_type_hints(view)["body"]

    @wraps(view)
    def wrapper(**kwargs: Any) -> Response:
        require_json()
        data = unpacked(read_raw(SMALL_BODY_BYTES), SMALL_BODY_BYTES)
        return view(body=validated(model, exact_json(data)), **kwargs)

    wrapper.__delay_validate_request__ = True  # type: ignore[attr-defined]
    return wrapper
