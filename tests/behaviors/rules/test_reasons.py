"""Whatever a service of rules refuses is told in a sentence, in both languages."""

import re
from importlib.resources import files

import pytest

from carbonaccount.web.messages import sentence

_CODE = re.compile(r'(?:Invalid|Conflict|Refused|NotFound)\(\s*"([a-z_]+)"')
_FILES = {
    "behaviors": (
        "rule_services.py",
        "rule_queries.py",
        "factor_services.py",
        "behavior_services.py",
    ),
    "carbonaccount": ("policy/services.py", "accounts/staff.py"),
}
CODES = sorted(
    {
        code
        for package, names in _FILES.items()
        for name in names
        for code in _CODE.findall(files(package).joinpath(name).read_text("utf-8"))
    }
)


def test_the_codes_were_found() -> None:
    assert {"own_rule", "rule_too_early", "roles_clash", "policy_too_early"} <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_has_a_sentence(code: str) -> None:
    chinese, english = sentence(code, {}, "zh"), sentence(code, {}, "en")
    assert code not in (chinese, english)
    assert re.search("[一-鿿]", chinese)
    assert english.isascii()
