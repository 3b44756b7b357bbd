"""What of institutions waits for the person of this request, for the panel's first page."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlmodel import col

from admin.navigation import may_open
from carbonaccount.institutions.models import Institution, InstitutionStatus
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_models import CheckStatus, SurvivalCheck
from carbonaccount.institutions.recognition_models import CaseStatus, RecognitionCase
from carbonaccount.web.database import current_session


class Queue(NamedTuple):
    """One kind of work: what it is called, the page that lists it, the step, and the rows."""

    label: LazyString
    endpoint: str
    step: str
    status: str
    rows: Any


class Line(NamedTuple):
    """A queue that is not empty."""

    label: LazyString
    address: str
    number: int


QUEUES = (
    Queue(
        _l("单位入驻待审核"),
        "admin.institutions_list",
        "admin.admit_institution",
        InstitutionStatus.APPLIED,
        Institution,
    ),
    Queue(
        _l("绿色创建待审核"),
        "admin.recognitions",
        "admin.judge_criterion",
        CaseStatus.SUBMITTED,
        RecognitionCase,
    ),
    Queue(
        _l("碳中和声明待审核"),
        "admin.statements_list",
        "admin.review_statement",
        StatementStatus.IN_REVIEW,
        NeutralityStatement,
    ),
    Queue(
        _l("造林存活核查待审核"),
        "admin.survival_checks",
        "admin.decide_survival_check",
        CheckStatus.WAITING,
        SurvivalCheck,
    ),
)


def institution_queues() -> list[Line]:
    """Return what waits for a step that the person may take; one statement, none for others."""
    mine = [queue for queue in QUEUES if may_open(queue.step)]
    if not mine:
        return []
    counts = current_session().execute(sa.select(*map(_count, mine))).one()
    return [
        Line(queue.label, url_for(queue.endpoint, status=queue.status), int(number))
        for queue, number in zip(mine, counts, strict=True)
        if number
    ]


def _count(queue: Queue) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .select_from(queue.rows)
        .where(col(queue.rows.status) == queue.status)
        .scalar_subquery()
    )
