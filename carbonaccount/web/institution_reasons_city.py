"""Sentences of the city's pages: (Chinese, English) by code."""

CITY_REASONS: dict[str, tuple[str, str]] = {
    "unknown_indicator": (
        "没有代码为 {indicator} 的指标。",
        "There is no indicator {indicator}.",
    ),
    "indicator_year": (
        "请填写 {first} 至 {last} 之间的年份。",
        "Enter a year from {first} to {last}.",
    ),
    "indicator_value": (
        "请填写不小于 0 的数字，最多 {decimals} 位小数；百分比不超过 100。",
        "Enter a number from 0 up with at most {decimals} decimals; percentages up to 100.",
    ),
    "indicator_value_year": (
        "请填一个年份，从 {first} 到 {last}：已经过去的峰值才能报告。",
        "Give a year from {first} to {last}: only a peak that has passed can be reported.",
    ),
    "indicator_source": (
        "请写明数值公布在哪里，例如文件名称和文号。",
        "Say where the value was published, for example the document and its number.",
    ),
    "indicator_reason": (
        "请写明理由，{least} 至 {limit} 个字。",
        "Give a reason of {least} to {limit} characters.",
    ),
    "unknown_indicator_value": (
        "{year} 年没有已报告的数值。",
        "Nothing was reported of {year}.",
    ),
    "no_city_year": ("没有这一年的汇总。", "There are no figures of that year."),
    "staff_only": ("只有工作人员能做这件事。", "Only staff can do this."),
    "unknown_open_data": (
        "没有名为 {name} 的数据表。",
        "There is no table named {name}.",
    ),
}
