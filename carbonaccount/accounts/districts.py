"""Jining's districts with their official division codes, and how they get into the database."""

from sqlmodel import Session, col, select

from carbonaccount.accounts.models import District

# GB/T 2260 division codes; development zones without one of their own carry a local code
# that starts with the city's prefix.
JINING: tuple[tuple[str, str, str], ...] = (
    ("370811", "任城区", "Rencheng"),
    ("370812", "兖州区", "Yanzhou"),
    ("370881", "曲阜市", "Qufu"),
    ("370883", "邹城市", "Zoucheng"),
    ("370826", "微山县", "Weishan"),
    ("370827", "鱼台县", "Yutai"),
    ("370828", "金乡县", "Jinxiang"),
    ("370829", "嘉祥县", "Jiaxiang"),
    ("370830", "汶上县", "Wenshang"),
    ("370831", "泗水县", "Sishui"),
    ("370832", "梁山县", "Liangshan"),
    ("370871", "济宁高新区", "Jining High-tech Zone"),
    ("3708-TBH", "太白湖新区", "Taibai Lake New Area"),
    ("3708-JKQ", "济宁经济技术开发区", "Jining Economic and Technological Development Zone"),
)


def load_districts(session: Session) -> int:
    """Add the districts that are missing; returns how many. The caller commits."""
    present = set(session.exec(select(col(District.code))).all())
    added = 0
    for sort, (code, name_zh, name_en) in enumerate(JINING):
        if code not in present:
            session.add(District(code=code, name_zh=name_zh, name_en=name_en, sort=sort))
            added += 1
    return added
