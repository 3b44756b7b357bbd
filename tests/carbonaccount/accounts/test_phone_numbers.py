"""What counts as a mainland mobile number."""

import pytest

from carbonaccount.accounts.rules import normalize_phone
from carbonaccount.errors import Invalid


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "138 0013 8000",
        " 138-0013-8000 ",
        "+8613800138000",
        "+86 138 0013 8000",
        "0086 13800138000",
    ],
)
def test_numbers_people_write_come_to_eleven_digits(text: str) -> None:
    assert normalize_phone(text) == "13800138000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1380013800",  # ten digits
        "138001380000",  # twelve
        "12800138000",  # 12 is no mobile prefix
        "23800138000",
        "+1 13800138000",
        "1380013800a",
        "１３８００１３８０００",  # full-width digits are another text
        "13800138000; DROP",
        "86 13800138000x",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="phone_invalid"):
        normalize_phone(text)


@pytest.mark.parametrize("prefix", ["13", "14", "15", "16", "17", "18", "19"])
def test_all_mobile_prefixes_are_known(prefix: str) -> None:
    assert normalize_phone(prefix + "000000000") == prefix + "000000000"
