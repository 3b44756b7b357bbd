"""Sentences of the desks: reviews, appeals, people, staff and the quotas of sources."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
DESK: dict[str, tuple[str, str]] = {
    # --- reviews ---
    "nothing_held": (
        "这条记录已不在等待，可能有人刚刚处理过。",
        "This record waits no more; somebody may just have dealt with it.",
    ),
    "review_reason": ("请选择不通过的原因。", "Choose why it is not accepted."),
    "review_note": (
        "选择“其他”时请写说明，最多 {limit} 个字。",
        'With "other", write a note of at most {limit} characters.',
    ),
    "behavior_stopped": (
        "行为 {behavior} 目前暂停受理，恢复后才能计入。",
        "The behaviour {behavior} is stopped; nothing of it counts until it resumes.",
    ),
    "photo_gone": ("照片文件已不在。", "The file of the photo is gone."),
    # --- appeals ---
    "unknown_appeal": ("没有这个申诉。", "There is no such appeal."),
    "appeal_text": (
        "请写明理由，{minimum} 至 {maximum} 个字。",
        "Say why, in {minimum} to {maximum} characters.",
    ),
    "nothing_to_appeal": (
        "这条记录已全部计入，没有可申诉的。",
        "All of this record counts; there is nothing to appeal against.",
    ),
    "appeal_open": (
        "这条记录已有一个申诉在处理。",
        "An appeal about this record is being looked at already.",
    ),
    "appeal_decided": (
        "这条记录的申诉已有答复，不再重复受理。",
        "The appeal about this record has been answered; the answer is final here.",
    ),
    "appeal_closed": ("这个申诉已有答复。", "This appeal has been answered already."),
    "appeal_answer": (
        "请写给居民的答复，最多 {limit} 个字。",
        "Write an answer to the resident of at most {limit} characters.",
    ),
    "second_person": (
        "这条记录是你审核过的，申诉须由另一个人处理。",
        "You decided about this record before; an appeal is decided by somebody else.",
    ),
    "nothing_to_add": (
        "重新计算后没有可增加的：上限对每个人都一样，或仍与另一条记录重叠。请改为不支持并答复。",
        "Counted again it comes to nothing more: the cap is the same for everybody, or it still "
        "overlaps. Refuse the appeal with an answer instead.",
    ),
    "rescored_record": (
        "这条记录是被历史重算减少的：如果重算错了，请规则编辑对这一天再提出一次重算，入账后再支持；"
        "如果没错，请改为不支持并答复。",
        "A re-scoring reduced this record. If that was wrong, have a rule editor propose another "
        "re-scoring of the day, and uphold once it is booked; if not, refuse with an answer.",
    ),
    # --- people ---
    "unmask_reason": (
        "请写明为什么要看完整号码，{minimum} 至 {maximum} 个字。",
        "Say why you need the whole number, in {minimum} to {maximum} characters.",
    ),
    "born_month_reason": (
        "请写明为什么清除出生年月，{minimum} 至 {maximum} 个字。",
        "Say why the month of birth is forgotten, in {minimum} to {maximum} characters.",
    ),
    "no_born_month": ("这位居民没有填写出生年月。", "This resident told no month of birth."),
    "no_resident": ("这个账户没有居民资料。", "There is no resident behind this account."),
    "phone_not_found": ("没有这个号码的账户。", "No account has this number."),
    # --- staff ---
    "role_not_yours_to_grant": (
        "三员分立：你不能授予或收回 {roles}。",
        "Separate powers: {roles} is not yours to grant or take away.",
    ),
    "not_to_oneself": (
        "不能更改自己的角色、状态或凭据，请另一位管理员来做。",
        "Nobody changes their own roles, standing or credentials; ask another administrator.",
    ),
    "staff_inactive": (
        "账号 {login} 已停用，请先恢复。",
        "The login {login} is barred; let it in again first.",
    ),
    "display_name_length": (
        "姓名须为 1 至 {limit} 个字符。",
        "A name has 1 to {limit} characters.",
    ),
    # --- the trail ---
    "export_too_large": (
        "共 {found} 条，一次最多导出 {limit} 条，请缩短时间段。",
        "{found} entries; at most {limit} fit one file. Choose a shorter period.",
    ),
    # --- work behind the pages ---
    "job_day_to_come": (
        "这一天还没有到，任务不能提前做。",
        "That day has not come yet; no job is done ahead of it.",
    ),
    "bad_job_day": (
        "请选择今天或之前 {days} 天内的日期。",
        "Choose today or a day of the last {days} days.",
    ),
    # --- sources ---
    "source_is_own": (
        "“本人填写”是系统自带的来源，不能更改。",
        "Residents' own reports are a source of the system; it cannot be changed.",
    ),
    "bad_quota": (
        "每日配额须为 1 至 {limit} 的整数，留空表示不限。",
        "A daily quota is a whole number from 1 to {limit}; empty means no limit.",
    ),
    "daily_quota": (
        "今天的配额 {quota} 条不够：已用 {used} 条。明天零点（北京时间）恢复。",
        "The quota of {quota} new items a day does not suffice: {used} are used. It begins anew "
        "at midnight, Beijing time.",
    ),
}
