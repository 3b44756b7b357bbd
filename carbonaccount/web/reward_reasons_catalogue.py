"""Sentences of the catalogue of rewards: drafting them, who may take them, guardians."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
REWARD_CATALOGUE: dict[str, tuple[str, str]] = {
    # --- who may take a reward ---
    "unknown_reward": ("没有这个兑换项目。", "There is no such reward."),
    "reward_not_offered": (
        "这个项目现在不能兑换：还没开始、已结束或暂停了。",
        "This reward cannot be taken now: it has not begun, is over, or is paused.",
    ),
    "reward_no_merchant": (
        "现在没有商户收这个项目的券，暂时不能兑换。",
        "No merchant takes the coupons of this reward at present, so it cannot be taken now.",
    ),
    "reward_not_in_district": (
        "这个项目只面向部分区县的居民。您所在的区县可以在“我的”里填写。",
        "This reward is for residents of some districts only. You can set yours under Me.",
    ),
    "reward_age_unknown": (
        "这个项目有年龄要求（满 {minimum_age} 周岁），请先填写出生年月。",
        "This reward has an age limit ({minimum_age} and over): tell your month of birth first.",
    ),
    "reward_too_young": (
        "这个项目须满 {minimum_age} 周岁。",
        "This reward is for people of {minimum_age} and over.",
    ),
    "guardian_needed": (
        "未满 14 周岁，须由监护人确认后才能兑换和捐赠。",
        "Under 14 a guardian has to confirm before you can take rewards or give.",
    ),
    "favourites_full": (
        "最多收藏 {limit} 个项目，请先取消一些。",
        "You can keep at most {limit} favourites; remove some first.",
    ),
    # --- month of birth and guardians ---
    "born_month_invalid": (
        "请选择真实的出生年月。",
        "Choose your real month of birth.",
    ),
    "born_month_older": (
        "出生年月填写后不能改大年龄；填错了请联系服务台。",
        "A month of birth once told cannot be changed to an older age; ask the help desk.",
    ),
    "guardian_not_needed": (
        "只有未满 14 周岁才需要监护人确认。",
        "Only people under 14 need a guardian.",
    ),
    "guardian_there": (
        "已经有监护人确认过了。",
        "A guardian has confirmed already.",
    ),
    "guardian_age_unknown": (
        "确认前请先填写您自己的出生年月。",
        "Tell your own month of birth before you confirm.",
    ),
    "guardian_too_young": (
        "监护人须年满 {minimum} 周岁。",
        "A guardian has to be {minimum} or over.",
    ),
    "guardian_code_wrong": (
        "确认码不对、已用过或已过期，请让孩子重新生成一个。",
        "The code is wrong, used or expired; let the child make a new one.",
    ),
    "guardian_oneself": ("不能为自己确认。", "You cannot confirm for yourself."),
    "no_guardian": ("没有这个监护关系。", "There is no such guardianship."),
    # --- drafting ---
    "reward_text": (
        "必须填写，最多 {limit} 个字（使用须知可以不填）。",
        "Needed, at most {limit} characters (terms may be left empty).",
    ),
    "reward_number": ("请填写 {lowest} 至 {highest} 的整数。", "Use {lowest} to {highest}."),
    "reward_choice": ("请从列出的选项中选择。", "Choose one of those listed."),
    "reward_days": (
        "最后一天不能早于第一天。",
        "The last day cannot be before the first.",
    ),
    "unknown_programme": ("没有这个资金项目。", "There is no such programme."),
    "unknown_district": ("没有这个区县。", "There is no such district."),
    "unknown_merchant": ("没有这个商户。", "There is no such merchant."),
    "picture_name": ("图片文件名不对。", "The picture's name is not valid."),
    # --- from draft to shelf ---
    "reward_not_in_state": (
        "这个项目现在的状态是 {status}，不能这样做。",
        "This reward is {status} now; this cannot be done with it.",
    ),
    "not_own_reward": (
        "只有起草的人能修改这一稿。",
        "Only the person who drafted it may change this draft.",
    ),
    "own_reward": (
        "起草的人不能发布，须由另一个人发布。",
        "Whoever drafted it cannot publish it; another person has to.",
    ),
    "own_price": (
        "提出新价格的人不能自己批准，须由另一个人批准。",
        "Whoever proposed the price cannot approve it; another person has to.",
    ),
    "no_price_proposed": ("没有待批准的新价格。", "No new price is proposed."),
    "price_unchanged": ("新价格和现价一样。", "The new price is the present one."),
    "reward_over": (
        "兑换截止日 {day} 已过，请先修改日期。",
        "Its last day, {day}, is over; change the days first.",
    ),
    "reward_needs_merchant": (
        "还没有勾选营业中的商户：除认养树木和公益捐赠外，兑换的券须有商户收，居民才能用。",
        "No active merchant is ticked: but for trees and donations, coupons have to be taken by a "
        "merchant, or nobody could use them.",
    ),
    "fund_does_not_cover": (
        "资金不够支付全部库存，还差 {missing_yuan} 元。",
        "The fund does not cover the whole stock: {missing_yuan} yuan are missing.",
    ),
    # --- stock ---
    "stock_change": (
        "请填写增加或减少的数量，不能为零，最多 {limit}。",
        "Give how many are added or taken off, not zero, at most {limit}.",
    ),
    "stock_below_zero": (
        "库存只有 {stock_left} 份，不能减少这么多。",
        "Only {stock_left} are left; so many cannot be taken off.",
    ),
}
