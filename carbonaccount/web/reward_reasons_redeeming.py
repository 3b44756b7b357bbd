"""Sentences of taking rewards and of coupons and their codes."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
REWARD_REDEEMING: dict[str, tuple[str, str]] = {
    # --- taking a reward ---
    "draw_only": (
        "这个项目通过抽签发放，请到项目页报名。",
        "This reward is given by a draw; enter it on the reward's page.",
    ),
    "queue_only": (
        "这个项目按排队顺序发放，请到项目页排队。",
        "This reward is given in turn; join the queue on the reward's page.",
    ),
    "price_changed": (
        "价格刚刚变了，现在是 {price} 积分。没有扣您的积分，请看过新价格再兑换。",
        "The price has just changed and is {price} credits now. Nothing was taken from you; "
        "look at the new price first.",
    ),
    "request_key_used": (
        "这张表单已经提交过，内容不同。请回到页面重新操作。",
        "This form was sent before with other content. Go back to the page and start again.",
    ),
    "request_key_bad": (
        "这张表单不完整，请回到页面重新操作。",
        "This form is not complete. Go back to the page and start again.",
    ),
    "person_limit_reached": (
        "您已达到这个项目的个人上限（{limit} 份）。",
        "You have reached the limit for one person ({limit}).",
    ),
    "day_stock_empty": (
        "今天的 {limit} 份已经兑完，明天还有机会。没有扣您的积分。",
        "Today's {limit} are gone; there is another chance tomorrow. Nothing was taken from you.",
    ),
    "stock_empty": (
        "已经兑完了。没有扣您的积分。",
        "There are none left. Nothing was taken from you.",
    ),
    "credits_missing": (
        "您的积分不够：需要 {needed}，可用 {available}。等待审核的积分还不能用。",
        "You do not have enough credits: it takes {needed}, you can use {available}. Credits "
        "awaiting review cannot be used yet.",
    ),
    # --- coupons ---
    "unknown_coupon": ("没有这张券。", "There is no such coupon."),
    "coupon_used": ("这张券已经用过了。", "This coupon has been used."),
    "coupon_cancelled": ("这张券已被持有人取消。", "This coupon was cancelled by its holder."),
    "coupon_expired": ("这张券已过有效期。", "This coupon has expired."),
    "coupon_not_here": (
        "这张券不能在这家商户使用。",
        "This coupon is not for this merchant.",
    ),
    "coupon_own": (
        "不能核销自己的券，请让同事来。",
        "You cannot confirm a coupon of your own; ask a colleague.",
    ),
    "till_unknown": ("没有这个收银台，或已停用。", "There is no such till, or it is closed."),
    "coupon_not_used": (
        "这张券没有被使用，或使用已被撤销。",
        "This coupon was not used, or its use has been taken back.",
    ),
    "undo_too_late": (
        "已超过 10 分钟，不能再撤销核销。",
        "More than ten minutes have passed; the use cannot be taken back.",
    ),
    "coupon_settled": (
        "这张券已进入结算，不能再撤销核销。",
        "This coupon is in a settlement; its use cannot be taken back.",
    ),
    "reason_missing": ("请写明原因。", "Say why."),
    # --- codes of coupons ---
    "code_foreign": (
        "这不是碳账户的券码。",
        "This is not the code of one of our coupons.",
    ),
    "code_forged": (
        "这个券码不是本系统签发的，或已损坏。",
        "This code was not made by this system, or it is damaged.",
    ),
    "code_outdated": (
        "这个码已经失效，可能是截图。请让持有人打开券页面，出示最新的码。",
        "This code is over; it may be a picture of the page. Ask the holder to open the coupon "
        "and show the present code.",
    ),
    "code_unknown": (
        "没有找到这个码对应的券，请核对后再试。",
        "No coupon has this code; check it and try again.",
    ),
    "digits_count": (
        "数字码是 {wanted} 位数字。",
        "The code has {wanted} digits.",
    ),
    "digits_over": (
        "数字码已失效，请重新生成。",
        "The digits are over; ask for new ones.",
    ),
    "digits_extended": (
        "数字码只能延长一次，请重新生成。",
        "The digits can be extended once only; ask for new ones.",
    ),
}
