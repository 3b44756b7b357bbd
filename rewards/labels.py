"""Words for the codes of this room."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rewards.models import Allotment, LimitPeriod, RewardClass, RewardStatus

CLASS_NAMES: dict[str, LazyString] = {
    RewardClass.PUBLIC_SERVICE: _l("公共服务"),
    RewardClass.CULTURE_SPORT: _l("文化体育"),
    RewardClass.REPAIR_SECOND_HAND: _l("维修与二手"),
    RewardClass.GREEN_GOODS: _l("绿色商品"),
    RewardClass.DONATION: _l("公益捐赠"),
    RewardClass.TREE: _l("认养树木"),
    RewardClass.OTHER: _l("其他"),
}
# The picture of a class: its symbol in icons.svg.
CLASS_ICONS: dict[str, str] = {
    RewardClass.PUBLIC_SERVICE: "transport",
    RewardClass.CULTURE_SPORT: "culture",
    RewardClass.REPAIR_SECOND_HAND: "repair",
    RewardClass.GREEN_GOODS: "reusable_cup",
    RewardClass.DONATION: "heart",
    RewardClass.TREE: "nature",
    RewardClass.OTHER: "gift",
}
# Words and tone of a state, for the panel.
STATUS_WORDS: dict[str, tuple[LazyString, str]] = {
    RewardStatus.DRAFT: (_l("草稿"), "plain"),
    RewardStatus.IN_REVIEW: (_l("待发布"), "wait"),
    RewardStatus.PUBLISHED: (_l("可兑换"), "good"),
    RewardStatus.PAUSED: (_l("已暂停"), "bad"),
    RewardStatus.ENDED: (_l("已结束"), "plain"),
}
ALLOTMENTS: dict[str, LazyString] = {
    Allotment.FIRST_COME: _l("先到先得"),
    Allotment.QUEUE: _l("排队"),
    Allotment.DRAW: _l("抽签"),
}
PERIODS: dict[str, LazyString] = {
    LimitPeriod.DAY: _l("每天"),
    LimitPeriod.MONTH: _l("每月"),
    LimitPeriod.YEAR: _l("每年"),
    LimitPeriod.EVER: _l("一共"),
}
# Why a reward cannot be taken now, as short as a card of the shelf is wide.
OBSTACLES: dict[str, LazyString] = {
    "reward_not_offered": _l("现在不能兑"),
    "reward_no_merchant": _l("暂无商户可用"),
    "reward_not_in_district": _l("限部分区县"),
    "reward_age_unknown": _l("有年龄要求"),
    "reward_too_young": _l("未到年龄"),
    "guardian_needed": _l("须监护人确认"),
    "stock_empty": _l("已兑完"),
    "day_stock_empty": _l("今天已兑完"),
    "person_limit_reached": _l("已达个人上限"),
    "fund_paused": _l("资金暂停"),
    "fund_slowed": _l("今天已发完"),
    "fund_empty": _l("资金已用完"),
}
# What was done to a thing, by the act in the audit trail.
ACTS: dict[str, LazyString] = {
    "reward.draft": _l("起草"),
    "reward.edit": _l("修改"),
    "reward.picture": _l("更换图片"),
    "reward.submit": _l("提交发布"),
    "reward.return": _l("退回"),
    "reward.publish": _l("发布"),
    "reward.pause": _l("暂停"),
    "reward.resume": _l("恢复兑换"),
    "reward.revise": _l("撤下修改"),
    "reward.end": _l("结束项目"),
    "reward.propose_price": _l("提出新价格"),
    "reward.price": _l("批准新价格"),
    "reward.drop_price": _l("撤销新价格"),
    "reward.stock": _l("库存变动"),
    "beneficiary.draft": _l("起草"),
    "beneficiary.edit": _l("修改"),
    "beneficiary.submit": _l("提交发布"),
    "beneficiary.return": _l("退回"),
    "beneficiary.publish": _l("发布"),
    "beneficiary.end": _l("结束捐赠"),
    "gift.given": _l("收到积分"),
    "gift.pledged": _l("居民认捐"),
    "gift.used": _l("认捐的减排量已使用"),
    "gift.revoked": _l("收回认捐"),
    "certificate.issue": _l("签发证书"),
    "certificate.withdraw.replaced": _l("已被新证书取代"),
    "certificate.withdraw.holder": _l("持有人已收回"),
    "certificate.withdraw.staff": _l("工作人员撤回证书"),
    "plot.add": _l("建立林地"),
    "plot.edit": _l("改动林地资料"),
    "plot.paper": _l("上传照片或报告"),
    "plot.approve": _l("批准报告"),
    "tree.adopt": _l("有人认养"),
    "tree.dead": _l("登记枯死的树"),
    "tree.replant": _l("补种完成"),
    "tree.credits": _l("积分已退回"),
}
