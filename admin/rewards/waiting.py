"""What of rewards waits for the person of this request, for the panel's first page."""

from typing import NamedTuple

from flask import url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from admin.navigation import may_open
from carbonaccount.web.database import current_session
from rewards import waiting
from rewards.models import RewardStatus
from rewards.settling import IN_REVIEW


class Queue(NamedTuple):
    """One kind of work: what it is called, the page that lists it, and what the page is asked."""

    counted: str
    label: LazyString
    endpoint: str
    asked: dict[str, str]


class Line(NamedTuple):
    """A queue that is not empty."""

    label: LazyString
    address: str
    number: int


QUEUES = (
    Queue("disputes", _l("用券异议待核对"), "admin.disputes_queue", {}),
    Queue("settlements", _l("结算单待核对和批准"), "admin.settlements", {"status": IN_REVIEW}),
    Queue(
        "rewards",
        _l("兑换项目待另一人发布"),
        "admin.rewards",
        {"status": RewardStatus.IN_REVIEW.value},
    ),
    Queue("prices", _l("新价格待另一人批准"), "admin.rewards", {}),
    Queue("budgets", _l("预算变动待另一人批准"), "admin.fund", {}),
    Queue(
        "beneficiaries", _l("捐赠对象待另一人发布"), "admin.beneficiaries", {"status": "in_review"}
    ),
    Queue("plot_papers", _l("林地报告待另一人批准"), "admin.plots_list", {}),
    Queue(
        "unusable",
        _l("已发布、但没有商户收券的项目"),
        "admin.rewards",
        {"status": RewardStatus.PUBLISHED.value},
    ),
)


def _address(queue: Queue) -> str:
    return url_for(queue.endpoint, **queue.asked)  # type: ignore[arg-type]


def reward_queues() -> list[Line]:
    """Return what waits on the pages that the person may open; asks nothing for who may not."""
    mine = [queue for queue in QUEUES if may_open(queue.endpoint)]
    if not mine:
        return []
    counts = waiting.waiting(current_session())._asdict()
    return [
        Line(queue.label, _address(queue), counts[queue.counted])
        for queue in mine
        if counts[queue.counted]
    ]
