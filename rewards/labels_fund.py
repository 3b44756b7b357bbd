"""Words for the states of the fund, of draws and of queues."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rewards.models import DrawStatus

# Words and tone of a budget's state.
FUND_STATES: dict[str, tuple[LazyString, str]] = {
    "fine": (_l("正常"), "good"),
    "warned": (_l("资金预警"), "wait"),
    "slowed": (_l("放缓发放"), "wait"),
    "paused": (_l("暂停发放"), "bad"),
}
DRAW_STATES: dict[str, tuple[LazyString, str]] = {
    DrawStatus.OPEN: (_l("正在报名"), "good"),
    DrawStatus.CLOSED: (_l("已截止，待开奖"), "wait"),
    DrawStatus.DRAWN: (_l("已开奖"), "plain"),
    DrawStatus.CALLED_OFF: (_l("已取消"), "bad"),
}
# What became of an entry, "" while it is open.
OUTCOMES: dict[str, LazyString] = {
    "won": _l("抽中"),
    "not_drawn": _l("未抽中"),
    "": _l("等待发放"),
}
PASSED_OVER: LazyString = _l("抽中但不符合条件，已递补")
# Why somebody who was drawn was passed over, as a part of a sentence.
PASSED_BECAUSE: dict[str, LazyString] = {
    "insufficient_balance": _l("开奖时积分不够"),
    "person_limit_reached": _l("已达个人上限"),
    "reward_not_in_district": _l("不在可以兑换的区县"),
    "reward_age_unknown": _l("没有填写出生年月"),
    "reward_too_young": _l("未到年龄"),
    "guardian_needed": _l("未经监护人确认"),
}
QUEUE_STATES: dict[str, tuple[LazyString, str]] = {
    "waiting": (_l("排队中"), "plain"),
    "offered": (_l("已轮到"), "wait"),
    "taken": (_l("已领取"), "good"),
    "passed": (_l("已让出"), "plain"),
    "left": (_l("已退出"), "plain"),
}
PROPOSAL_STATES: dict[str, tuple[LazyString, str]] = {
    "open": (_l("待审批"), "wait"),
    "approved": (_l("已批准"), "good"),
    "refused": (_l("已驳回"), "bad"),
    "withdrawn": (_l("已撤回"), "plain"),
}
