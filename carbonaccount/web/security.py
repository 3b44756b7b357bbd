"""What protects every page: forged requests, content policy, caching of personal pages.

The headers follow OWASP's list; the content policy allows nothing from elsewhere and no inline
script or style without this request's nonce.
"""

import secrets

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from carbonaccount.config import Settings
from carbonaccount.errors import Invalid

# Whoever owns views that are signed in another way exempts them here.
csrf = CSRFProtect()

_NUL = "\0"
HSTS_SECONDS = 365 * 24 * 3600
_FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # A form's origin stays visible to ourselves, which the check against forged requests needs.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Put the protection in place; `settings.proxy_hops` proxies are believed about the client."""
    # Before the check against forged requests, which reads the form.
    app.before_request(limit_form)
    csrf.init_app(app)
    app.before_request(refuse_unstorable)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(add_headers)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def limit_form() -> None:
    """Hold a plain form to the size of forms; only uploads may be as large as files.

    Werkzeug applies its limit for form fields to multipart forms only.
    """
    if request.mimetype == "application/x-www-form-urlencoded":
        request.max_content_length = request.max_form_memory_size


def refuse_unstorable() -> None:
    """Refuse what PostgreSQL cannot keep as text: U+0000, which nobody types and SQLite lets in.

    Raises NotFound for a path with it, Invalid (unstorable_character) for a form or a query.
    """
    if _NUL in request.path:
        raise NotFound
    # What signs itself reads its content in its own way.
    given = request.args if request.path.startswith("/api/") else request.values
    if any(_NUL in text for name, texts in given.lists() for text in (name, *texts)):
        raise Invalid("unstorable_character")


def csp_nonce() -> str:
    """Return this request's nonce for the rare inline script or style."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    nonce: str = g.csp_nonce
    return nonce


def content_policy(nonce: str | None) -> str:
    """Return the content security policy, with the nonce when the page used one."""
    allowed = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {allowed}",
            f"style-src {allowed}",
            # WeUI draws its marks as data: pictures; blob: shows a photo before it is sent.
            "img-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def add_headers(response: Response) -> Response:
    """Add the headers to every answer, errors and static files too."""
    response.headers.update(_FIXED_HEADERS)
    response.headers["Content-Security-Policy"] = content_policy(g.get("csp_nonce"))
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        # Pages know the person, or at least their token against forged requests.
        response.headers["Cache-Control"] = "no-store"
    return response
