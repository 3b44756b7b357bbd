"""Why an item of a batch or a line of a file was not simply taken: a sentence for each code.

These speak of lines in general, without the values of one of them, so that they fit a summary of
thousands. The order is that of docs/intake.md. `carbonaccount.web.messages` takes in those that
have no sentence of their own for a single item.
"""

# (Chinese, English) by code.
REASONS: dict[str, tuple[str, str]] = {
    # --- taken, but not for all that was measured ---
    "capped": (
        "已收下，但超过该行为每人每天的上限，只计入上限以内的部分。",
        "Taken; what exceeds the behaviour's daily cap for a person does not count.",
    ),
    "overlap": (
        "已收下，但同一时间已有证据更好或更早的记录，同一行为不重复计入。",
        "Taken, but not counted: another record with better evidence, or an earlier one, already "
        "covers the same act.",
    ),
    "habit_ended": (
        "已收下，但这种习惯在那一天已不再给积分。",
        "Taken, but the habit earned no credits any more on that day.",
    ),
    # --- waits ---
    "awaiting_review": (
        "已收下，等待工作人员审核后计入。",
        "Taken; it counts once a person has looked at it.",
    ),
    "stopped": (
        "已收下，但这种行为已暂停，恢复后再处理。",
        "Taken; the behaviour is stopped for now, and a person decides later.",
    ),
    # --- known before ---
    "duplicate": (
        "同样内容以前已经收过，没有重复入账。",
        "The same was taken before; it is not booked twice.",
    ),
    "conflict": (
        "编号以前用过，但内容不同：另行保存，等待处理，原有记录不变。",
        "The event id was used before with other content: kept apart for a person, the record "
        "stays as it was.",
    ),
    # --- the line itself ---
    "blank_line": ("空行。", "The line is empty."),
    "column_count": (
        "这一行的列数与表头不同。",
        "The line has more or fewer columns than the header.",
    ),
    "quote_open": (
        "这一行的引号没有结束。",
        "The line opens a quote that is never closed.",
    ),
    "line_unreadable": (
        "这一行无法拆分成列。",
        "The line cannot be split into columns.",
    ),
    "not_json": ("这一行不是有效的 JSON。", "The line is not valid JSON."),
    "not_an_object": ("这一行不是 JSON 对象。", "The item is not a JSON object."),
    # --- who and what ---
    "bad_event_id": (
        "编号缺失、过长（最多 64 个字符）或含有不可用的字符。",
        "The event id is missing, too long (64 characters at most) or has characters that cannot "
        "be used.",
    ),
    "bad_subject": (
        "用户标识缺失、过长（最多 64 个字符）或含有不可用的字符。",
        "The subject is missing, too long (64 characters at most) or has characters that cannot "
        "be used.",
    ),
    "bad_device": (
        "设备或车辆标识过长（最多 64 个字符）或含有不可用的字符。",
        "The device is too long (64 characters at most) or has characters that cannot be used.",
    ),
    "unknown_subject": (
        "没有碳账户绑定这个用户标识。",
        "No carbon account is bound to this subject.",
    ),
    "no_consent": (
        "居民没有同意或已停止使用这个数据来源。",
        "The resident has not agreed to this source, or has switched it off.",
    ),
    "unknown_behavior": ("没有这种行为。", "There is no such behaviour."),
    "behavior_not_allowed": (
        "这个数据来源不可上报这种行为。",
        "This source may not report this behaviour.",
    ),
    "behavior_off": ("这种行为目前停用。", "The behaviour is switched off."),
    "no_rule": (
        "发生当天没有生效的规则。",
        "The behaviour has no rule in force on the day of the act.",
    ),
    "evidence_unknown": (
        "证据等级必须是 A、B、C、D 之一。",
        "The evidence grade must be one of A, B, C, D.",
    ),
    "evidence_too_good": (
        "证据等级高于这个数据来源可声明的最高等级。",
        "The evidence grade is better than this source may claim.",
    ),
    # --- when ---
    "time_format": (
        "时间缺失、格式不符或没有时区。",
        "A time is missing, cannot be read, or has no offset.",
    ),
    "in_future": ("时间在将来。", "The time lies in the future."),
    "too_old": (
        "时间早于 2010 年：年份可能只有两位，请在映射中写明 year_offset。",
        "The time is before 2010; if years have two digits, give year_offset in the mapping.",
    ),
    "ends_before_start": ("结束时间早于开始时间。", "It ends before it starts."),
    "too_long": (
        "持续时间过长：一次出行最多 24 小时，其他行为最多 31 天。",
        "It lasts too long: a trip at most 24 hours, anything else at most 31 days.",
    ),
    # --- how much ---
    "missing_field": ("缺少测量值。", "A measured value is missing."),
    "unknown_field": (
        "有不认识的字段：记录或这种行为没有这个字段。",
        "There is a field that neither the item nor its behaviour has.",
    ),
    "not_a_number": ("测量值不是数字。", "A measured value is not a number."),
    "too_many_decimals": (
        "测量值的小数超过 9 位。",
        "A measured value has more than 9 decimals.",
    ),
    "out_of_range": (
        "测量值超出允许范围，包括负数。",
        "A measured value lies outside its range, or is negative.",
    ),
    "amount_zero": (
        "算下来是零，没有可计入的量。",
        "It comes to nothing: there is no amount to count.",
    ),
}
