"""Sentences of pools: (Chinese, English) by code."""

INSTITUTION_POOLS: dict[str, tuple[str, str]] = {
    "unknown_pool": ("没有这个减排池。", "There is no such pool."),
    "pool_not_in": ("您没有参加这个减排池。", "You do not take part in this pool."),
    "pool_not_open": (
        "这个减排池现在不能参加。",
        "Nobody can join this pool now.",
    ),
    "pool_sold": (
        "这个减排池已经交付，不能再退出。",
        "This pool has been handed over; it can no longer be left.",
    ),
    "pool_state": (
        "减排池的状态已变，请刷新页面。",
        "The pool has moved on; please reload the page.",
    ),
    "pool_own_draft": (
        "起草的人不能开放、归集或交付，请由另一位工作人员办理。",
        "Whoever drafted it cannot open, gather or hand it over; another person must.",
    ),
    "pool_text": (
        "请填写中文和英文，最多 {limit} 个字符；有价格时须写明收入用途。",
        "Fill in Chinese and English, {limit} characters at most; with a price, say where the "
        "money goes.",
    ),
    "pool_period": (
        "起止日期须在同一年，止日不早于起日。",
        "Both days lie in one year, and the last is not before the first.",
    ),
    "pool_joins_until": (
        "参加截止日期不能早于今天。",
        "The last day to join cannot be before today.",
    ),
    "pool_price": (
        "价格在 0 至 {limit} 元每吨之间，0 表示无偿赠予。",
        "The price is between 0 and {limit} yuan a tonne; 0 means a gift.",
    ),
    "pool_buyer": (
        "请选择已入驻的单位，或填写买方名称。",
        "Choose an institution of the platform, or write the buyer's name.",
    ),
    "pool_buyer_closed": (
        "买方单位已关闭，不能交付。",
        "The buyer is closed; nothing can be handed over.",
    ),
    "pool_reason": (
        "请写明理由，{least} 至 {limit} 个字符。",
        "Give a reason of {least} to {limit} characters.",
    ),
    "pool_period_runs": (
        "这段时间还没有结束，结束后才能归集。",
        "The period is not over; gather afterwards.",
    ),
    "pool_too_small": (
        "至少要有 {least} 位有减排量的居民参加，否则会暴露每个人的数据。",
        "At least {least} residents with something to give must take part; fewer would reveal "
        "each of them.",
    ),
}
