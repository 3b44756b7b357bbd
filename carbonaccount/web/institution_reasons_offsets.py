"""Sentences of lots, shares of sources, plantations and neutrality statements."""

# (Chinese, English) by code; `carbonaccount.web.messages` takes them in.
OFFSET_REASONS: dict[str, tuple[str, str]] = {
    # --- lots ---
    "unknown_lot": ("没有这个抵消批次。", "There is no such lot."),
    "lot_not_held": (
        "编号 {serial} 所在的批次已经使用、拆分或撤回，请刷新后重新选取。",
        "The lot of number {serial} has been used, split or withdrawn; reload and choose again.",
    ),
    "lot_expired": (
        "编号 {serial} 所在的批次已经过期，不能使用。",
        "The lot of number {serial} has expired and cannot be used.",
    ),
    "certificate_is_no_reduction": (
        "绿证只能抵减外购电力一行，不能再作为减排量使用。",
        "A green certificate reduces the power line only; it is never a reduction as well.",
    ),
    "reduction_is_no_certificate": (
        "只有绿证可以抵减外购电力一行。",
        "Only green certificates reduce the power line.",
    ),
    "serial_taken": (
        "编号 {serial} 已经登记过：同一编号全市只能登记一次。如果是您单位的编号，请联系主管部门。",
        "Number {serial} has been registered before: a number comes in once in the whole city. If "
        "it is yours, tell the city's officer.",
    ),
    "serial_known_as": (
        "编号 {serial} 与已登记的 {first} – {last} 去掉分隔符和多余的 0 后是同一编号："
        "同一编号全市只能登记一次。请按证书原样写出每一段。",
        "Without separators and extra zeros, number {serial} is one of {first} – {last}, which "
        "are registered: a number comes in once in the whole city. Write each group as printed.",
    ),
    "serial_of_other_registry": (
        "编号开头的字母属于“{name_zh}”：请改选登记系统，或检查编号。",
        "The number begins with the letters of the {name_en}: choose that registry, or check the "
        "number.",
    ),
    "lot_too_large": (
        "首末编号之间有 {count} 个编号；一个批次最多 {limit} 个，请检查末个编号。",
        "There are {count} numbers from the first to the last; a lot has {limit} at most. Check "
        "the last number.",
    ),
    "lot_count_needed": (
        "首末编号之间有 {count} 个编号。超过 {limit} 个时，请对照证明文件填写编号个数。",
        "There are {count} numbers from the first to the last. Above {limit}, give the count that "
        "the paper says.",
    ),
    "lot_count_differs": (
        "首末编号之间有 {count} 个编号，与填写的个数不同：请核对首末编号。",
        "There are {count} numbers from the first to the last, not as many as given: check both.",
    ),
    "lot_is_a_part": (
        "这个批次是拆分出来的一部分，不能撤回：另一部分已经用掉或可能用掉。",
        "This lot is part of one that was split and cannot be withdrawn.",
    ),
    "lot_from_others": (
        "这个批次的减排量来自居民或员工的账户，不能撤回。",
        "The grams of this lot came from the accounts of residents or staff; it cannot be "
        "withdrawn.",
    ),
    "lot_chosen": (
        "{year} 年的声明选取了这个批次：请先在声明里重新选取（填 0 即不选），再撤回。",
        "The statement of {year} has chosen this lot: pick anew there first (0 chooses none).",
    ),
    "lot_in_review": (
        "{year} 年的声明已提交并选取了这个批次：请先退回声明，再撤回批次。",
        "The statement of {year} was sent in with this lot: send the statement back first.",
    ),
    "lot_made_before": ("这一份已经做成批次了。", "A lot has been made of this already."),
    "lot_amount": (
        "一个批次要有 1 到 {limit} 个编号。",
        "A lot has 1 to {limit} numbers.",
    ),
    "split_inside": (
        "拆出的个数须在 1 到 {most} 之间。",
        "Split off 1 to {most} numbers.",
    ),
    "serial_number": (
        "请按证书原样填写完整编号：字母、数字、空格和 - . / _ : #，以数字结尾。",
        "Write the whole number as printed: letters, digits, blanks and - . / _ : #, ending in "
        "digits.",
    ),
    "serial_range": (
        "首尾编号数字前的部分要相同，末号不小于首号。",
        "Both numbers begin alike, and the last is not below the first.",
    ),
    "registry_unknown": ("请选择登记系统。", "Choose the registry."),
    "produced_on": (
        "请填写电量生产或减排发生的日期，不晚于今天。",
        "Give the day of generation or reduction, not after today.",
    ),
    "lot_title": ("说明最多 {limit} 个字。", "At most {limit} characters."),
    "certificate_expired": (
        "这批绿证的有效期到 {day} 为止，已经过期。",
        "These certificates were good until {day} and have expired.",
    ),
    "offset_file_missing": ("请附上证明文件。", "Attach the file that proves it."),
    "offset_file_large": (
        "文件最大 {limit_mib} MiB。",
        "A file has at most {limit_mib} MiB.",
    ),
    "offset_file_format": (
        "请上传完整的 PDF、JPEG 或 PNG 文件。",
        "Send a whole PDF, JPEG or PNG file.",
    ),
    "offset_file_used": (
        "这份文件已经用来证明别的造林或核查，不能再用。",
        "This file proves another plantation or check already.",
    ),
    "plantation_known": (
        "同一地点、树种、种植日期和面积的造林已经登记过，一片林在全市只能登记一次。"
        "如果是另一片，请在地点里写清地块编号。",
        "A plantation of this place, species, day and area is registered; each counts once in the "
        "city. If yours is another one, name its plot in the place.",
    ),
    # --- plantations ---
    "unknown_plantation": ("没有这片造林。", "There is no such plantation."),
    "planted_text": ("请填写，最多 {limit} 个字符。", "Fill it in, {limit} characters at most."),
    "planted_area": (
        "面积须大于 0，以公顷填写，最多四位小数。",
        "The area is above 0, in hectares with up to four decimals.",
    ),
    "planted_trees": (
        "棵数须为 1 到 {limit} 的整数。",
        "The number of trees is a whole number from 1 to {limit}.",
    ),
    "planted_on": (
        "请填写种植日期，不晚于今天。",
        "Give the day of planting, not after today.",
    ),
    "checked_on": (
        "核查日期不早于种植日期，不晚于今天。",
        "The day of the check is not before planting and not after today.",
    ),
    "checked_living": (
        "存活棵数须为 0 到 {limit} 的整数。",
        "The trees alive are a whole number from 0 to {limit}.",
    ),
    "unknown_check": ("没有这次存活核查。", "There is no such survival check."),
    "check_decided": ("这次核查已经处理过了。", "This check has been decided already."),
    "growth_year": ("没有这一年的碳汇可做批次。", "There is no such year to make a lot of."),
    "year_not_over": ("这一年还没有结束。", "The year is not over yet."),
    "too_young": (
        "树龄不足，按保守规则这一年不计碳汇。",
        "The trees are too young: by the conservative rule the year counts nothing.",
    ),
    "no_check": (
        "还没有当年或其后四年内通过的存活核查。",
        "No survival check of that year or the four after it has been accepted.",
    ),
    "check_waiting": (
        "有一次存活更少的核查待审核，审核后再做批次。",
        "A survival check that saw fewer alive waits to be decided; make the lot afterwards.",
    ),
    # --- shares of sources ---
    "share_permille": (
        "份额须在 0.1% 到 100% 之间，最多一位小数。",
        "A share is between 0.1% and 100%, with one decimal at most.",
    ),
    "share_role": ("请选择用途：公务车辆或员工减排。", "Choose what it is: fleet or staff."),
    "share_source": (
        "请选择一个已绑定的数据来源。",
        "Choose a source that is bound to the account.",
    ),
    "share_exists": (
        "这个来源已经给了该单位一份，请先结束再重新设定。",
        "This source already gives the institution a share; end it first.",
    ),
    "shares_above_whole": (
        "各单位的份额合计不能超过 100%，还剩 {left}%。",
        "The shares of all institutions together are at most 100%; {left}% is left.",
    ),
    "unknown_share": ("没有这份归属。", "There is no such share."),
    "share_ended": ("这份归属已经结束。", "This share has ended."),
    "share_period": (
        "起止日期须在同一年内，且已经过去。",
        "The period lies within one year and is over.",
    ),
    "nothing_to_take": (
        "这段时间没有可归入本单位的已核证减排量。",
        "There are no certified grams of this period for the institution.",
    ),
    "unknown_given": ("没有这笔捐赠。", "There is no such donation."),
    # --- plan and statements ---
    "plan_years": (
        "目标年须晚于基准年，都在 2000 到 2100 之间。",
        "The target year is after the base year, both between 2000 and 2100.",
    ),
    "plan_share": (
        "减排幅度须在 0% 到 100% 之间，最多一位小数。",
        "The reduction is between 0% and 100%, with one decimal at most.",
    ),
    "plan_text": ("最多 {limit} 个字。", "At most {limit} characters."),
    "measure_year": ("年份须在 2000 到 2100 之间。", "The year is between 2000 and 2100."),
    "measure_area": ("请选择措施的类别。", "Choose what the measure reduces."),
    "measure_title": (
        "请写明措施，最多 {limit} 个字。",
        "Name the measure, {limit} characters at most.",
    ),
    "measure_effect": (
        "请以千克填写不小于 0 的数，最多三位小数。",
        "Give kilograms of 0 or more, with up to three decimals.",
    ),
    "measure_basis": (
        "填写了实际效果，就要写明它是怎样得出的。",
        "An achieved effect needs a word on how it was found.",
    ),
    "uncertainty_nothing": (
        "至少填写一个百分数；都不知道就不用填写，声明上会写“未给出”。",
        "Give at least one percentage; if neither is known, leave it: the statement says so.",
    ),
    "uncertainty_percent": (
        "请填写 0.01 到 100 之间的百分数。0 表示毫无误差，不能填写。",
        "Give a percentage between 0.01 and 100. 0 would claim that there is no error at all.",
    ),
    "uncertainty_basis": (
        "请写明这个百分数的依据，例如电表等级或检定证书。",
        "Say what the percentage rests on, e.g. the meter's class or a calibration certificate.",
    ),
    "uncertainty_no_percent": (
        "写了依据，还要填写百分数。",
        "There is a basis; give the percentage as well.",
    ),
    "unknown_factor_here": (
        "这份声明里没有这个因子，或者还没有给出过不确定度。",
        "The statement has no such factor, or nothing has been stated for it.",
    ),
    # --- is the year of a statement whole ---
    "inventory_nothing_counted": (
        "清单里没有燃料、外购电力和外购热力的用量，不能做碳中和声明。"
        "请先更正排放清单，补上用电等数据，重新锁定。",
        "The inventory has no fuel, purchased electricity or heat: there is nothing to state. "
        "Correct the inventory, add the electricity, and lock it again.",
    ),
    "statement_gaps_open": (
        "还有 {count} 处缺少的数据没有补上，也没有说明。"
        "请更正排放清单，或由负责人逐条说明，再提交。",
        "{count} gaps in the data are neither filled nor explained. Correct the inventory, or let "
        "an owner explain each of them, before it is sent in.",
    ),
    "unknown_gap": ("没有这处缺少的数据。", "Nothing of the kind is missing."),
    "gap_not_sworn": (
        "请勾选确认属实并同意公开。",
        "Tick that it is true and may be published.",
    ),
    "lot_of_later_year": (
        "编号 {serial} 是 {year} 年的，晚于声明的年份，不能使用。请重新选取。",
        "The number {serial} is of {year}, later than the year of the statement, and cannot be "
        "used. Choose again.",
    ),
    "unknown_suggestion": ("没有这条建议值。", "There is no such suggestion."),
    "unknown_plan_measure": ("没有这项措施。", "There is no such measure."),
    "unknown_statement": ("没有这份碳中和声明。", "There is no such statement."),
    "statement_exists": (
        "这一年已经有一份声明。",
        "There is a statement of this year already.",
    ),
    "statement_not_in_state": (
        "声明刚刚变了，请刷新后再做。",
        "The statement has just changed; reload the page.",
    ),
    "statement_needs_inventory": (
        "先锁定这一年的排放清单，才能做声明。",
        "Lock the inventory of the year first.",
    ),
    "inventory_changed": (
        "提交之后排放清单有了新的锁定版本：请单位收回（或由市里退回）声明，按新的清单重新提交。",
        "The inventory was corrected after the statement was sent in: take it back (the city sends "
        "it back), and send it in again on the new version.",
    ),
    "pick_amount": (
        "请填写不小于 0 的数，或留空表示按需要。",
        "Give 0 or more, or leave it empty for as much as is needed.",
    ),
}
