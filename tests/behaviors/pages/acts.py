"""Reporting an act through the form, as a resident does."""

import io
import re

from PIL import Image
from werkzeug.test import TestResponse

from tests.people import Browser, csrf_token

_HIDDEN = re.compile(r'name="(form_token|opened_at)"[^>]*value="([^"]*)"')


def picture(colour: str = "green", size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a small JPEG."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def opened_form(browser: Browser, behavior: str) -> dict[str, str]:
    """Open an act's form and return what it carries by itself."""
    page = browser.get(f"/log/{behavior}")
    assert page.status_code == 200, page.status_code
    return {"csrf_token": csrf_token(page), "when": "today", **dict(_HIDDEN.findall(page.text))}


def send(
    browser: Browser, behavior: str, form: dict[str, str], *, photo: bytes | None = None
) -> TestResponse:
    """Send an act's form."""
    data: dict[str, object] = {**form, "action": form.get("action", "send")}
    if photo is not None:
        data["photo"] = (io.BytesIO(photo), "photo.jpg")
    return browser.client.post(f"/log/{behavior}", data=data, content_type="multipart/form-data")


def report(browser: Browser, behavior: str, *, photo: bool = False, **fields: str) -> TestResponse:
    """Report an act today; returns the redirect to its receipt."""
    form = opened_form(browser, behavior) | fields
    response = send(browser, behavior, form, photo=picture() if photo else None)
    assert response.status_code == 303, response.text
    return response
