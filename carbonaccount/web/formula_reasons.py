"""What is wrong with a formula or a rule: one sentence a code, in Chinese and in English."""

# (Chinese, English) by code.
FORMULA_REASONS: dict[str, tuple[str, str]] = {
    "formula_too_long": ("公式最长 {limit} 个字符。", "A formula has at most {limit} characters."),
    "too_deep": (
        "公式嵌套过深：最多 {limit} 层。",
        "The formula nests too deeply: at most {limit} levels.",
    ),
    "character_not_allowed": (
        "公式里不能有字符“{found}”。可用：变量名、数字、+ - * / ( )、min、max、if … else。",
        'A formula cannot hold "{found}". Use names, numbers, + - * / ( ), min, max, if … else.',
    ),
    "number_too_long": ("数字最多 {limit} 位。", "A number has at most {limit} digits."),
    "syntax": ("公式在这里读不下去。", "The formula cannot be read on from here."),
    "not_allowed": (
        "这里只能用变量名、数字、+ - * / ( )、min、max、if … else。",
        "Only names, numbers, + - * / ( ), min, max and if … else may stand here.",
    ),
    "unknown_name": (
        "没有名为 {name} 的变量。因子的公式只能用参数，量的公式还能用行为的量。",
        "There is no {name}. The factor may use parameters, the quantity also measured amounts.",
    ),
    "missing_value": ("{name} 没有数值。", "{name} has no value."),
    "division_by_zero": (
        "这里的除数是 0。除以一个参数时，它不能是 0。",
        "The divisor here is 0. A parameter that is divided by must not be 0.",
    ),
    "division_by_column": (
        "不能除以行为的量：它可能是 0。",
        "A measured amount cannot be divided by: it may be 0.",
    ),
    "unit_mismatch": (
        "单位对不上：{left} 和 {right} 不能相加减或比较。",
        "The units do not fit: {left} and {right} cannot be added or compared.",
    ),
    "unknown_unit": ("不认识的单位“{unit}”。", "The unit “{unit}” is not known."),
    "quantity_unit_mismatch": (
        "量的公式算出来是 {found}，与量的单位 {wanted} 不符。",
        "The quantity works out to {found}, not to {wanted}.",
    ),
    "not_a_mass": (
        "量 × 因子算出来是 {found}，不是千克。",
        "Quantity times factor works out to {found}, not to kilograms.",
    ),
    "negative_factor": (
        "因子算出来是负数：越多排放越给减排量，一定有误。",
        "The factor works out below zero: it would reward emitting more.",
    ),
    "bad_version": ("版本号须从 1 起。", "Versions count from 1."),
    "bad_period": ("最后一天不能早于第一天。", "The last day must not precede the first."),
    "bad_cap": ("每人每天上限须大于 0，或留空。", "The daily cap is above 0, or left empty."),
    "cap_decimals": ("每人每天上限最多 3 位小数。", "The daily cap has at most 3 decimals."),
    "unit_factor_mismatch": (
        "单位减排量与公式算出来的不一致。",
        "The unit factor is not what the formula works out to.",
    ),
    "no_fields": ("至少要有一个量。", "At least one amount is needed."),
    "name_used_twice": (
        "有两个变量同名：量和参数的名字都不能重复。",
        "A name is used twice; amounts and parameters each need their own.",
    ),
    "bad_name": (
        "变量名 {name} 不行：以小写字母开头，只含小写字母、数字和下划线，最多 40 个字符。",
        "{name} is no name: it begins with a lower-case letter and holds lower-case letters, "
        "digits and underscores, at most 40.",
    ),
    "bad_field_range": (
        "{field} 的范围不对：0 ≤ 最小 < 最大 ≤ 10 亿，最多 9 位小数，步长大于 0。",
        "The range of {field} is not valid: 0 ≤ least < most ≤ 10^9, 9 decimals, step above 0.",
    ),
    "bad_evidence_grades": (
        "证据等级只有 A、B、C、D。",
        "Evidence grades are A, B, C and D.",
    ),
    "negative_credits": ("积分和系数不能是负数。", "Credits and shares are not negative."),
    "amounts_too_large": (
        "按各个量的最大值算，克数或积分大得记不下。请减小最大值或系数。",
        "With the largest amounts, grams or credits become too large to be kept. Lower the limits.",
    ),
    "malformed_definition": (
        "规则定义的 {part} 无法读取。",
        "The part {part} of the rule cannot be read.",
    ),
}
