"""Sentences of the reward fund, of draws and of queues."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
REWARD_FUND: dict[str, tuple[str, str]] = {
    # --- why nothing is given now ---
    "fund_paused": (
        "这项奖品的资金快用完了，按公开的规则暂停发放。没有扣您的积分。",
        "The money for this reward is nearly used up; by its public rule nothing is given now. "
        "Nothing was taken from you.",
    ),
    "fund_slowed": (
        "这项奖品的资金不多了，按公开的规则每天限量，今天的已经发完，明天还有。没有扣您的积分。",
        "The money for this reward is low; by its public rule so many a day are given, and "
        "today's are gone. Nothing was taken from you.",
    ),
    "fund_empty": (
        "这项奖品的资金不够再发一份。没有扣您的积分。",
        "There is not enough money for another of this reward. Nothing was taken from you.",
    ),
    # --- sponsors, programmes and budgets ---
    "fund_name": ("名称须为 1 至 {limit} 个字符。", "A name has 1 to {limit} characters."),
    "sponsor_exists": ("已有同名的出资方。", "There is a sponsor of this name already."),
    "unknown_sponsor": ("没有这个出资方。", "There is no such sponsor."),
    "programme_exists": (
        "这个出资方已有同名的计划。",
        "This sponsor has a programme of this name already.",
    ),
    "unknown_budget": ("没有这个预算。", "There is no such budget."),
    "fund_thresholds": (
        "三条线须在 0 至 100 之间，预警线不低于放缓线，放缓线不低于暂停线。",
        "The three thresholds lie between 0 and 100: warning not below slowing, slowing not "
        "below the pause.",
    ),
    "fund_year": ("年度须在 {first} 至 {last} 之间。", "The year lies between {first} and {last}."),
    "fund_change": (
        "金额须不为零，单位是元，最多两位小数。",
        "The amount is in yuan, not zero, with at most two decimals.",
    ),
    "fund_reason": (
        "理由须为 {least} 至 {limit} 个字符。",
        "The reason has {least} to {limit} characters.",
    ),
    "unknown_proposal": ("没有这项预算变动申请。", "There is no such proposal."),
    "proposal_decided": (
        "这项申请已经办过了。",
        "This proposal has been decided already.",
    ),
    "own_proposal": (
        "自己提出的变动须由另一个人审批。",
        "Somebody else decides what you proposed.",
    ),
    "not_own_proposal": (
        "只有提出的人可以撤回。",
        "Only the person who proposed it can take it back.",
    ),
    "fund_would_lack": (
        "减少之后，已发的券和货架上的奖品还差 {missing_yuan} 元。请先暂停奖品或减少库存。",
        "After that, {missing_yuan} yuan would be missing for coupons and published rewards. "
        "Pause rewards or reduce their stock first.",
    ),
    # --- draws ---
    "unknown_draw": ("没有这次抽签。", "There is no such draw."),
    "draw_not_for_reward": (
        "只有已发布、按抽签发放的奖品可以抽签。",
        "Only a published reward that is given by draw can be drawn.",
    ),
    "draw_open_already": (
        "这个奖品还有一次抽签没有办完。",
        "Another draw of this reward is not finished yet.",
    ),
    "draw_winners": (
        "名额须为 1 至现有库存 {most}。",
        "The number of winners lies between 1 and the stock, {most}.",
    ),
    "draw_closes": (
        "截止时间须在一小时之后、一年之内。",
        "It closes at least an hour and at most a year from now.",
    ),
    "draw_entries_later": (
        "签号名单在报名截止后公布。",
        "The list of tickets is published when entering is over.",
    ),
    "draw_outlasts_reward": (
        "兑换项目只到 {day}，抽签须在那之前截止。",
        "The reward is offered until {day} only; the draw closes before that.",
    ),
    "draw_over": ("报名已经截止。", "Entering is over."),
    "draw_not_over": (
        "还没到截止时间，不能提前截止。",
        "It is not time yet; a draw is never closed early.",
    ),
    "draw_not_in_state": (
        "这次抽签现在的状态不能这样做。",
        "The draw does not stand where this can be done.",
    ),
    "draw_reason": (
        "理由须为 {least} 至 {limit} 个字符，会公开显示。",
        "The reason has {least} to {limit} characters; it is public.",
    ),
    # --- queues ---
    "queue_not_for_reward": (
        "这个奖品不按排队发放。",
        "This reward is not given by a queue.",
    ),
    "queue_not_in": ("您不在这个队伍里。", "You are not in this queue."),
    "queue_no_offer": ("还没轮到您。", "It is not your turn yet."),
    "queue_offer_over": (
        "给您保留的时间已过，可以重新排队。",
        "The time it was kept for you is over; you can queue again.",
    ),
    "unknown_place": ("队伍里没有这个位置。", "There is no such place in the queue."),
}
