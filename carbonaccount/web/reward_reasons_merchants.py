"""Sentences of merchants, tills, disputes and settlements."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
REWARD_MERCHANTS: dict[str, tuple[str, str]] = {
    # --- merchants, tills and people ---
    "merchant_not_found": ("没有这个商户。", "There is no such merchant."),
    "merchant_name": (
        "中文名称须为 1 至 {limit} 个字，英文名称至多 {limit} 个字。",
        "The Chinese name has 1 to {limit} characters, the English one at most {limit}.",
    ),
    "merchant_address": ("地址至多 {limit} 个字。", "An address has at most {limit} characters."),
    "merchant_closed": (
        "这个商户已停用，暂不核销。",
        "This merchant is closed and takes no coupons.",
    ),
    "till_name": (
        "收银台名称须为 1 至 {limit} 个字。",
        "The name of a till has 1 to {limit} characters.",
    ),
    "till_exists": ("已有名为“{name}”的收银台。", 'There is a till named "{name}" already.'),
    "till_not_found": ("没有这个收银台。", "There is no such till."),
    "till_closed": (
        "这个收银台已关闭，请换一个。",
        "This till is closed; choose another one.",
    ),
    "member_role": ("请选择店主或收银员。", "Choose owner or cashier."),
    "member_not_found": ("这个人不在店里。", "This person does not work at the merchant."),
    "last_owner": (
        "这是最后一位店主。请先邀请另一位店主，再移出。",
        "This is the last owner: invite another owner first.",
    ),
    "invitation_bad": (
        "邀请码不对、已用过或已过期，请对方重新生成一个。",
        "The invitation is wrong, used or over; ask for a new one.",
    ),
    "not_your_merchant": (
        "您不在这个商户工作，或已被移出。",
        "You do not work at this merchant, or were taken off it.",
    ),
    "owner_only": ("只有店主可以打开这一页。", "Only an owner may open this page."),
    # --- scanning ---
    "code_missing": (
        "请扫二维码，或输入券上的 8 位数字。",
        "Scan the QR code, or type the 8 digits on the coupon.",
    ),
    "not_looked_at": (
        "请先扫码查券，再确认使用。",
        "Scan the coupon first, then confirm.",
    ),
    "look_outdated": (
        "查券已超过 10 分钟，请重新扫码。",
        "The coupon was looked at more than 10 minutes ago; scan it again.",
    ),
    "coupon_not_used_here": (
        "这张券不是在本店使用的，或已经撤销。",
        "This coupon was not used here, or its use was taken back already.",
    ),
    "undo_reason": (
        "请写明撤销的原因，{minimum} 至 {maximum} 个字。",
        "Say why in {minimum} to {maximum} characters.",
    ),
    # --- disputes ---
    "coupon_not_found": ("没有这张券。", "There is no such coupon."),
    "dispute_text": (
        "请说明情况，{minimum} 至 {maximum} 个字。",
        "Say what happened in {minimum} to {maximum} characters.",
    ),
    "nothing_to_dispute": (
        "这张券现在没有可提出异议的使用；使用后 {days} 天内可以提出。",
        "There is no use to object to; it is possible within {days} days of the use.",
    ),
    "dispute_exists": (
        "这次使用的异议已经提过，请等待答复。",
        "You have objected to this use already; wait for the answer.",
    ),
    "dispute_not_found": ("没有这个异议。", "There is no such dispute."),
    "dispute_closed": ("这个异议已有答复。", "This dispute has been answered already."),
    "dispute_decision": (
        "请写明理由，{minimum} 至 {maximum} 个字，持券人会看到。",
        "Give a reason of {minimum} to {maximum} characters; the holder reads it.",
    ),
    # --- settlements ---
    "settlement_not_found": ("没有这张结算单。", "There is no such settlement."),
    "settlement_period": (
        "截止日须在今天之前、不早于起始日，期间不超过 {limit} 天。",
        "The period ends before today, not before it begins, and has at most {limit} days.",
    ),
    "nothing_to_settle": (
        "这段时间没有可结算的券：都已结算、有异议待核对，或没有使用。",
        "There is nothing to settle in this period: all is settled, disputed, or was not used.",
    ),
    "settlement_state": (
        "结算单的状态已变，请刷新页面。",
        "The state of the settlement has changed; reload the page.",
    ),
    "settlement_reason": (
        "请写明原因，{minimum} 至 {maximum} 个字。",
        "Give a reason of {minimum} to {maximum} characters.",
    ),
    "settlement_taken_back": (
        "批准后已有使用被退回，不能取消；退回的部分会从下一张结算单扣减。",
        "A use in it was taken back after the approval, so it cannot be cancelled; the next "
        "settlement is less by it.",
    ),
    "second_person_needed": (
        "起草、提交或提出的人不能自己核对或批准，请另一位同事处理。",
        "Whoever drafted, submitted or raised it can neither check nor decide it; ask a colleague.",
    ),
    "sample_not_checked": (
        "还有 {unchecked} 张抽中的券没有核对。",
        "{unchecked} drawn coupons wait to be checked.",
    ),
    "check_not_found": (
        "这张券没有被抽中，或已不在结算单里。",
        "This coupon was not drawn, or has left the settlement.",
    ),
    "check_result": ("请选择核对结果。", "Choose what the check found."),
    "check_note": (
        "有问题时请写明，{minimum} 至 {maximum} 个字。",
        "Say what is wrong in {minimum} to {maximum} characters.",
    ),
    "payment_reference": (
        "请填写付款凭证号，至多 {limit} 个字符。",
        "Enter the reference of the payment, at most {limit} characters.",
    ),
}
