"""Sentences of events that institutions make carbon neutral."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
INSTITUTION_EVENTS: dict[str, tuple[str, str]] = {
    # --- the event and its plan ---
    "unknown_event": ("没有这个活动，或者它还没有公开。", "There is no such event, or not yet."),
    "event_state": (
        "活动的状态已变，请刷新页面。",
        "The state of the event has changed; reload the page.",
    ),
    "event_kind": ("请选择活动的种类。", "Choose what kind of event it is."),
    "event_name": ("名称须为 1 至 {limit} 个字。", "A name has 1 to {limit} characters."),
    "event_name_en": (
        "英文名称至多 {limit} 个字符。",
        "The English name has at most {limit} characters.",
    ),
    "event_place": ("地点须为 1 至 {limit} 个字。", "A place has 1 to {limit} characters."),
    "event_days": (
        "结束日期不能早于开始日期，活动最多 {limit} 天。",
        "An event does not end before it begins and lasts at most {limit} days.",
    ),
    "event_people": (
        "人数须为 1 至 {limit} 的整数。",
        "The number of people is a whole number from 1 to {limit}.",
    ),
    "event_grams": (
        "请填千克数，不能是负数，也不能过大。",
        "Give kilograms, not negative and not beyond reason.",
    ),
    "event_plan_text": ("至多 {limit} 个字。", "At most {limit} characters."),
    "event_source": ("请选择排放来源。", "Choose a source of emissions."),
    "event_measure": (
        "请写明做什么，1 至 {limit} 个字。",
        "Say what is done, in 1 to {limit} characters.",
    ),
    "unknown_measure": ("没有这项措施。", "There is no such measure."),
    "event_plan_missing": (
        "计划至少要有一个预计的排放来源和一项减排措施。",
        "A plan names at least one source of emissions and one measure to reduce them.",
    ),
    "event_has_answers": (
        "已经有人填写或已录入用量，不能再改活动和计划。",
        "Participants have answered or amounts are entered; the plan can no longer be changed.",
    ),
    "event_not_begun": ("活动还没有开始。", "The event has not begun."),
    # --- participants ---
    "event_code": ("没有这个短码，请再看一眼海报。", "There is no such code; look at the poster."),
    "event_closed": (
        "现在不能填写：活动还没有开始，或已经结束。",
        "Answers are not taken now: the event has not begun, or is over.",
    ),
    "event_settled": (
        "核算已锁定，您填的内容已与您的手机断开联系，不能再撤回。",
        "The account is closed and your answer is no longer tied to your phone.",
    ),
    "event_no_cookie": (
        "请允许浏览器保存 Cookie，再打开一次页面：这样才不会重复计算您。",
        "Let your browser keep cookies and open the page again, so that you are counted once.",
    ),
    "event_origin": ("请选择您从哪里来。", "Choose where you came from."),
    "event_mode": ("请选择您怎么来的。", "Choose how you came."),
    "event_mode_city": (
        "这种方式只适用于本市，请另选一种。",
        "One does not come that way from outside the city; choose another.",
    ),
    "event_mode_beyond": ("市内没有航班，请另选一种。", "Nobody flies inside the city."),
    "event_nights": (
        "住宿须为 0 至 {limit} 晚的整数。",
        "Nights are a whole number from 0 to {limit}.",
    ),
    "unknown_group": ("没有这条记录。", "There is no such entry."),
    "event_fewer_than_known": (
        "参加人数不能少于已填写的 {known} 人。",
        "There cannot be fewer participants than the {known} who are known.",
    ),
    # --- the account ---
    "event_item": ("请选择项目。", "Choose an item."),
    "event_amount": (
        "请填大于 0 的数，至多 3 位小数，例如 1250.5。",
        "Give a number above 0 with at most 3 decimals, for example 1250.5.",
    ),
    "event_green": ("绿电只能填在外购电下。", "Green power belongs to electricity only."),
    "event_evidence": ("依据至多 {limit} 个字。", "Evidence has at most {limit} characters."),
    "unknown_line": ("没有这条用量。", "There is no such amount."),
    "event_no_head_count": (
        "请先在“参加者”页填写实际参加人数。",
        "State how many took part first, on the page of participants.",
    ),
    "event_no_answers": (
        "没有任何人填写，无法推算：请先替没有手机的人代填。",
        "Nobody answered, so nothing can be estimated: enter participants first.",
    ),
    "event_sources_unsaid": (
        "计划列出的来源有 {count} 个没有用量：请补填用量，或写明没有发生、无法估算和理由。",
        "{count} sources of the plan have no amount: enter amounts, or say that they did not occur "
        "or could not be estimated, and why.",
    ),
    "event_missing_kind": (
        "请选择没有发生，还是无法估算。",
        "Choose whether it did not occur or could not be estimated.",
    ),
    "event_missing_why": (
        "请写明理由，1 至 {limit} 个字。",
        "Say why, in 1 to {limit} characters.",
    ),
    # --- making good and publishing ---
    "event_nothing_left": ("已经全部抵消。", "All of it is made good already."),
    "event_no_lots": (
        "单位现在没有可用的抵消量。",
        "The institution holds nothing that could be used.",
    ),
    "event_not_neutral": (
        "抵消量还差 {left_kg} 千克，不能公布。",
        "{left_kg} kg are still to be made good; it cannot be published.",
    ),
    "event_second_person": (
        "锁定核算的人不能自己公布，请另一位负责人处理。",
        "Whoever closed the account cannot publish it; another owner does.",
    ),
}
