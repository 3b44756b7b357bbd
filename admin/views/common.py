"""What the pages about rules share: doing something that may be refused, and words for it."""

from collections.abc import Callable
from typing import Any

from flask import g
from flask_babel import gettext as _

from admin.views import blueprint
from behaviors import labels
from behaviors.models import RuleStatus
from behaviors.views.common import words
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.problems import status_of


def attempted(service: Callable[..., object], **needs: object) -> tuple[DomainError | None, int]:
    """Do something and commit; what was refused is rolled back and returned with its status."""
    session = current_session()
    try:
        service(session, **needs)
        session.commit()
    except DomainError as error:
        session.rollback()
        g.pop("rule_book", None)
        return error, status_of(error)
    return None, 200


def put_error(form: Any, error: DomainError, **places: str) -> None:
    """Put a refusal at the field it names, or at the form as a whole.

    places: the form's field for a name that the service uses.
    """
    named = str(error.params.get("field", ""))
    name = places.get(named, named)
    if name in form:
        form[name].errors = [*form[name].errors, explain(error)]
    else:
        form.form_errors.append(explain(error))


def rule_status_words() -> dict[str, tuple[str, str]]:
    """Return the words and the tone of each state of a version."""
    return {
        RuleStatus.DRAFT: (_("草稿"), "plain"),
        RuleStatus.IN_REVIEW: (_("待批准"), "wait"),
        RuleStatus.SCHEDULED: (_("已排期"), "wait"),
        RuleStatus.ACTIVE: (_("现行"), "good"),
        RuleStatus.SUPERSEDED: (_("已被取代"), "plain"),
        RuleStatus.WITHDRAWN: (_("已撤回"), "bad"),
    }


def step_words() -> dict[str, str]:
    """Return the words for what was done to a version."""
    return {
        "drafted": _("起草"),
        "edited": _("修改"),
        "submitted": _("提交审批"),
        "returned": _("退回"),
        "approved": _("批准"),
        "activated": _("生效"),
        "superseded": _("被新版本取代"),
        "withdrawn": _("撤回"),
    }


@blueprint.context_processor
def rule_words() -> dict[str, object]:
    """Give the pages about rules the words for codes, as the public method pages have them."""
    return {
        **words(),
        "labels": labels,
        "rule_status_words": rule_status_words,
        "step_words": step_words,
    }
