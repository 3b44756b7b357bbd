"""JSON answers: some that anybody may keep for a while, others that nobody may."""

import orjson
from flask import Response, request
from pydantic import BaseModel

PUBLIC_SECONDS = 300


def json_answer(content: BaseModel | dict[str, object], *, store: bool) -> Response:
    """Return content as JSON; with `store`, caches may keep it and ask whether it changed."""
    data = (
        content.model_dump_json().encode()
        if isinstance(content, BaseModel)
        else orjson.dumps(content)
    )
    response = Response(data, mimetype="application/json")
    if not store:
        response.cache_control.no_store = True
        return response
    response.cache_control.public = True
    response.cache_control.max_age = PUBLIC_SECONDS
    response.add_etag()
    response.make_conditional(request)
    return response
