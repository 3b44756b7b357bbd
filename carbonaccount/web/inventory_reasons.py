"""What is refused in inventories and footprints: one sentence a code, in Chinese and in English."""

INVENTORY_REASONS: dict[str, tuple[str, str]] = {
    "factor_not_for_inventory": (
        "排放因子“{factor}”不能用于核算能源消耗。",
        "The factor “{factor}” cannot be used to account for energy use.",
    ),
    "amount_negative": ("{field} 不能是负数。", "{field} must not be negative."),
    "amount_too_long": (
        "{field} 最多 {digits} 位整数和 {limit} 位小数。",
        "{field} has at most {digits} digits before and {limit} after the point.",
    ),
    "unit_not_offered": (
        "{field}：这里不能用“{unit}”，可以用：{offered}。",
        "{field}: “{unit}” cannot be used here; use one of: {offered}.",
    ),
    "green_power_not_here": (
        "只有电力可以填写绿电（{field}）。",
        "Only electricity can have green power ({field}).",
    ),
    "resupplied_not_here": (
        "只有电力和热力可以填写转供量（{field}）。",
        "Only electricity and heat can be passed on to others ({field}).",
    ),
}
