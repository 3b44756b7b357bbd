"""Why a step in the life of a rule, factor or policy is refused: one sentence a code."""

# (Chinese, English) by code.
RULE_LIFE_REASONS: dict[str, tuple[str, str]] = {
    # --- the life of rules ---
    "unknown_rule_version": ("没有这个规则版本。", "There is no such rule version."),
    "rule_not_in_state": (
        "这个版本现在的状态是 {status}，不能这样做。",
        "This version is {status} now; this cannot be done with it.",
    ),
    "preview_needed": (
        "提交前要先用历史数据试算这一稿；改动之后要重新试算。",
        "Preview this very wording on history before submitting; after an edit, once more.",
    ),
    "own_rule": (
        "起草或修改过的人不能批准，须由另一个人批准。",
        "Whoever drafted or edited it cannot approve it; another person has to.",
    ),
    "rule_too_early": (
        "最早只能从下一个工作日 {day} 起。",
        "The earliest day is the next working day, {day}.",
    ),
    "factor_moved": (
        "引用的排放因子已有新的数值，请退回重新保存这一稿。",
        "An emission factor it uses has another value by now; save the draft again.",
    ),
    "factor_unit": (
        "排放因子 {factor} 的单位是 {unit}，与参数的单位不同。",
        "The factor {factor} is in {unit}, which is not the parameter's unit.",
    ),
    "unknown_factor": ("没有生效的排放因子“{factor}”。", 'There is no factor "{factor}" in force.'),
    "unknown_factor_version": ("没有这个排放因子版本。", "There is no such factor version."),
    "factor_not_in_state": (
        "这个因子版本现在的状态是 {status}，不能这样做。",
        "This factor version is {status} now; this cannot be done with it.",
    ),
    "own_factor": (
        "起草的人不能批准，须由另一个人批准。",
        "Whoever drafted it cannot approve it; another person has to.",
    ),
    "not_own_factor": (
        "只有起草的人能修改这一稿。",
        "Only the person who drafted it may change this draft.",
    ),
    "factor_value": (
        "因子的数值须为不小于 0 的数，最多 {limit} 位数字。",
        "A factor's value is a number from 0 up with at most {limit} digits.",
    ),
    "factor_period": (
        "新版本须晚于现行版本的起始日 {day}。",
        "A new version begins after the present one, which began on {day}.",
    ),
    "factor_units_differ": (
        "新版本的单位须与现行版本相同：{unit}。",
        "A new version has the unit of the present one, {unit}.",
    ),
    "bad_factor_code": (
        "因子代码只含小写字母、数字、点和下划线，以字母开头，最多 64 个字符。",
        "A factor's code has lower-case letters, digits, dots and underscores, begins with a "
        "letter, and has at most 64 characters.",
    ),
    "bad_factor_text": (
        "{field} 须为 1 至 {limit} 个字符。",
        "{field} has 1 to {limit} characters.",
    ),
    "unknown_group": ("没有重复计算分组 {group}。", "There is no double-count group {group}."),
    "bad_citation": (
        "请写明依据，最多 {limit} 个字符。",
        "Name the source, in at most {limit} characters.",
    ),
    "reason_needed": (
        "请写明理由，最多 {limit} 个字符。",
        "Give a reason, in at most {limit} characters.",
    ),
    "nothing_left_to_hold": (
        "撤回后，{behavior} 从 {day} 起会没有规则，记录会被拒收。请改用停止受理，记录会保留。",
        "Without this version {behavior} would have no rule from {day} on and its records would "
        "be refused. Stop the behaviour instead: its records are then kept.",
    ),
    "already_stopped": ("{behavior} 已经停止受理。", "{behavior} is stopped already."),
    "not_stopped": ("{behavior} 没有停止受理。", "{behavior} is not stopped."),
    "behavior_exists": ("行为 {behavior} 已经存在。", "The behaviour {behavior} exists already."),
    "bad_behavior_code": (
        "行为代码须以小写字母开头，只含小写字母、数字和下划线，最多 40 个字符。",
        "A behaviour's code begins with a lower-case letter, holds only lower-case letters, "
        "digits and underscores, and has at most 40 characters.",
    ),
    "unknown_family": ("没有类别 {family}。", "There is no family {family}."),
    "unknown_category": ("没有领域 {category}。", "There is no category {category}."),
    "bad_text": (
        "{field} 不能超过 {limit} 个字符，名称和“怎样才算”不能为空。",
        "{field} has at most {limit} characters; name and what counts are needed.",
    ),
    "enabled_without_rule": (
        "{behavior} 还没有发布规则，不能启用。",
        "{behavior} has no published rule yet and cannot be switched on.",
    ),
    "habit_end_needed": (
        "{behavior} 没有减排量，须先公布习惯积分的截止日。",
        "{behavior} has no grams: publish the last day of its habit credits first.",
    ),
    "habit_end_too_early": (
        "习惯积分的截止日不能早于今天 {day}。",
        "Habit credits cannot end before today, {day}.",
    ),
    "not_a_habit": (
        "{behavior} 有减排量，没有习惯积分的截止日。",
        "{behavior} has grams; its credits have no last day.",
    ),
    # --- the city's decisions ---
    "policy_too_early": (
        "积分政策只能从 {day} 之后的日子起生效。",
        "A credit policy begins on a day after {day}.",
    ),
    "number_out_of_range": (
        "{field} 须在 {minimum} 至 {maximum} 之间。",
        "{field} lies between {minimum} and {maximum}.",
    ),
    "no_holidays": ("{year} 年的节假日是空的。", "The holidays of {year} are empty."),
    "holiday_source": (
        "请写明这些日子出自哪个通知，不超过 {limit} 个字符。",
        "Say which notice the days are taken from, in at most {limit} characters.",
    ),
    "holiday_line": (
        "第 {line} 行看不懂：应为“日期 休 名称”或“首日~末日 班 名称”。",
        "Line {line} cannot be read: a day or first~last, 休 or 班, and a name.",
    ),
    "holiday_twice": ("第 {line} 行的 {day} 写了两次。", "{day} in line {line} is named twice."),
    "holiday_other_year": ("{day} 不在 {year} 年。", "{day} is not in {year}."),
    "bad_holiday_name": (
        "{day} 的节日名称须为 1 至 {limit} 个字符。",
        "The name of the holiday of {day} has 1 to {limit} characters.",
    ),
}
