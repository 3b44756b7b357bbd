"""Sentences of the city's pages: (Chinese, English) by code."""

CITY_REASONS: dict[str, tuple[str, str]] = {
    "not_in_government_profile": (
        "按照国办函〔2026〕12号，政务服务里没有这项功能。",
        "Under 国办函〔2026〕12号 a government service has no such function.",
    ),
}
