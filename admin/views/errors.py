"""What was refused in the panel, told in the panel; before the sign-in the site's own page does."""

from flask import Response, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from admin.views import blueprint
from carbonaccount.errors import DomainError
from carbonaccount.web import messages
from carbonaccount.web.error_pages import domain_error_page, explain, http_error_page
from carbonaccount.web.identity import current_staff
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language


@blueprint.errorhandler(DomainError)
def refused(error: DomainError) -> Response:
    """Show what was refused and why."""
    if current_staff() is None:
        return domain_error_page(error)
    return panel_error(status_of(error), explain(error))


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> Response:
    """Name the limit and what to do about it."""
    if current_staff() is None:
        return http_error_page(error)
    limit_mib = (request.max_content_length or 0) >> 20
    message = _(
        "文件超过 %(limit)s MiB 的上限。请拆成几个文件，或压缩成 .gz 后再上传。", limit=limit_mib
    )
    return panel_error(413, message, back=request.path)


def panel_error(status: int, message: str, *, back: str | None = None) -> Response:
    """Return the panel's page for an error."""
    page = render_template(
        "admin/error.html",
        status=status,
        reason=messages.title(status, language()),
        message=message,
        back=back or url_for("admin.overview"),
    )
    return make_response(page, status)
