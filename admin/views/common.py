"""What the pages about rules share: doing something that may be refused, and words for it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flask import g, request
from flask_babel import gettext as _

from admin.acts import act_text, summary_text
from admin.drafting.charts import Bucket
from admin.drafting.checks import Problem
from admin.drafting.comparison import Row
from admin.drafting.forms import RuleForm, text_of
from admin.views import blueprint
from behaviors import labels
from behaviors.forms import activity_error
from behaviors.models import RuleStatus
from behaviors.rule_models import WorkStatus
from behaviors.scoring import ActivityError, Rule
from behaviors.version_changes import Change
from behaviors.views.common import words
from carbonaccount.errors import DomainError
from carbonaccount.web import messages
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language


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
        RuleStatus.DISCARDED: (_("已放弃"), "plain"),
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
        "discarded": _("放弃"),
    }


def problem_text(problem: Problem) -> str:
    """Return what is wrong with a rule as a sentence."""
    code = "formula_too_long" if problem.code == "too_long" else problem.code
    return messages.sentence(code, problem.params, language())


def missing_fields(form: RuleForm) -> list[tuple[str, str, str]]:
    """Return id, label and error of every field that cannot be read, those of rows too."""
    found = []
    for field in form:
        for entry in getattr(field, "entries", ()):
            name = text_of(entry.form["name"])
            for cell in entry.form:
                label = f"{name} · {cell.label.text}" if name else str(cell.label.text)
                found += [(cell.id, label, str(error)) for error in cell.errors]
        if not hasattr(field, "entries"):
            found += [(field.id, str(field.label.text), str(error)) for error in field.errors]
    return found


def example_error_text(rule: Rule, error: ActivityError) -> str:
    """Return why the example cannot be worked out."""
    return activity_error(rule, error)


def part_name(row: Row) -> str:
    """Return the name of a part of a rule."""
    if row.kind == "parameter":
        return f"{labels.parameter_name(row.name)} ({row.name})"
    if row.kind == "amount":
        return str(_("量 %(name)s", name=row.name))
    extra = {
        "grams_for": _("哪些证据计减排量"),
        "counts_acts": _("每满一个单位给一次积分"),
        "certifiable": _("可用于核证"),
    }
    return extra.get(row.name) or labels.change_name(Change(row.name, "", ""))


def wrong(field: Any) -> dict[str, object]:
    """Return the attributes that tie a field to what is wrong with it, for screen readers."""
    if not field.errors:
        return {}
    return {"aria-describedby": f"{field.id}-error", "aria-invalid": "true"}


def sent_to(step: str) -> bool:
    """Return whether the form that was sent is that of a step, so that its reason is kept."""
    return request.method == "POST" and request.endpoint == f"admin.{step}"


def work_words() -> dict[str, str]:
    """Return the words for the state of background work."""
    return {
        WorkStatus.WAITING: _("等待中"),
        WorkStatus.RUNNING: _("正在算"),
        WorkStatus.DONE: _("算完了"),
        WorkStatus.CANCELLED: _("已取消"),
        WorkStatus.FAILED: _("出错了"),
        "interrupted": _("中断了"),
    }


def bucket_text(bucket: Bucket) -> str:
    """Return by how much credits change in a bar of the distribution."""
    low, high = _signed(bucket.low), _signed(bucket.high)
    if bucket.low is None:
        return str(_("%(high)s 及更少", high=high))
    if bucket.high is None:
        return str(_("%(low)s 及更多", low=low))
    return low if bucket.low == bucket.high else f"{low} … {high}"


def bucket_edge(bucket: Bucket) -> str:
    """Return the limit of a bar that is nearer to no change, short enough to stand below it."""
    nearer = bucket.high if bucket.tone == "lose" else bucket.low
    return _signed(nearer if nearer is not None else 0)


def yuan_text(yuan: str) -> str:
    """Return an amount of yuan with thousands set apart."""
    return f"{Decimal(yuan):,}"


def percent_text(share: str) -> str:
    """Return a share as a percentage with two decimals."""
    return f"{Decimal(share) * 100:.2f}%"


def _signed(number: int | None) -> str:
    return f"{number or 0:+,}" if number else "0"


@blueprint.context_processor
def rule_words() -> dict[str, object]:
    """Give the pages about rules the words for codes, as the public method pages have them."""
    return {
        **words(),
        "act_text": act_text,
        "summary_text": summary_text,
        "bucket_edge": bucket_edge,
        "bucket_text": bucket_text,
        "example_error_text": example_error_text,
        "missing_fields": missing_fields,
        "part_name": part_name,
        "percent_text": percent_text,
        "problem_text": problem_text,
        "rule_status_words": rule_status_words,
        "sent_to": sent_to,
        "step_words": step_words,
        "work_words": work_words,
        "wrong": wrong,
        "yuan_text": yuan_text,
    }
