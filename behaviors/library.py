"""Loading the shipped methods into the database; what is there already is left as it is."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from behaviors import methods
from behaviors.models import Behavior, EmissionFactor, RuleStatus, RuleVersion, Source
from behaviors.scoring import Rule
from behaviors.services import SELF_SOURCE
from carbonaccount.ledger.models import Unit
from carbonaccount.ledger.services import issuance_account

# Where a version of a factor comes from when nobody in this city wrote it.
SHIPPED = "library"


def load_library_into(session: Session, *, now: datetime) -> dict[str, int]:
    """Add the emission factors, behaviours and rule versions that are missing; returns counts.

    What is in the database stays, whoever made it: a newer release adds, an administrator
    decides. A behaviour that has any rule version gets no shipped one, nor does a factor of which
    the city wrote a version itself, be it a draft. The caller commits.
    """
    library = methods.load_library()
    counts = {
        "emission_factors": _load_factors(session, library),
        "behaviors": _load_behaviors(session, library),
    }
    session.flush()  # The rules need the behaviours' ids.
    counts["rules"] = _load_rules(session, library, now)
    _load_self_source(session, now)
    issuance_account(session, unit=Unit.G, vintage=0)
    return counts


def _load_factors(session: Session, library: methods.Library) -> int:
    held = session.exec(select(EmissionFactor)).all()
    present = {(row.code, row.version) for row in held}
    _tell_sources_in_chinese(held, library)
    # A shipped value beside the city's own could begin later than it, and would hold from then on.
    decided = {row.code for row in held if row.origin != SHIPPED}
    missing = [
        factor
        for factor in library.emission_factors
        if factor.code not in decided and (factor.code, factor.version) not in present
    ]
    session.add_all(
        EmissionFactor(
            code=factor.code,
            version=factor.version,
            name_zh=factor.name_zh,
            name_en=factor.name_en,
            value=str(factor.value),
            unit=factor.unit,
            gas=factor.gas,
            valid_from=factor.valid_from,
            valid_to=factor.valid_to,
            data_year=factor.data_year,
            grade=factor.grade,
            source=factor.source,
            source_zh=factor.source_zh,
            origin=SHIPPED,
        )
        for factor in missing
    )
    return len(missing)


def _tell_sources_in_chinese(held: Sequence[EmissionFactor], library: methods.Library) -> None:
    """Add the Chinese source to shipped rows that are older than it; nothing else of them."""
    texts = {
        (item.code, item.version, item.source): item.source_zh for item in library.emission_factors
    }
    for row in held:
        if row.origin == SHIPPED and not row.source_zh:
            row.source_zh = texts.get((row.code, row.version, row.source), "")


def _load_behaviors(session: Session, library: methods.Library) -> int:
    present = set(session.exec(select(col(Behavior.code))).all())
    missing = [item for item in library.behaviors if item.code not in present]
    session.add_all(
        Behavior(
            code=item.code,
            family=item.family,
            category=item.category,
            enabled=item.enabled,
            self_report=item.self_report,
            sort=item.sort,
            habit_ends_on=item.habit_ends_on,
            texts={language: _texts(item, language) for language in ("zh", "en")},
        )
        for item in missing
    )
    return len(missing)


def _texts(item: methods.Behavior, language: str) -> dict[str, str]:
    texts = item.texts[language]
    return {
        "name": item.name_zh if language == "zh" else item.name_en,
        "counts": texts.counts,
        "not_counts": texts.excludes,
        "baseline": texts.baseline,
        "not_with": texts.not_combined,
    }


def _load_rules(session: Session, library: methods.Library, now: datetime) -> int:
    ids = {item.code: item.id or 0 for item in session.exec(select(Behavior)).all()}
    with_rules = set(session.exec(select(col(RuleVersion.behavior_id)).distinct()).all())
    rules = [r for r in methods.expand_rules(library) if ids[r.behavior] not in with_rules]
    session.add_all(_version(rule, ids[rule.behavior], library, now) for rule in rules)
    return len(rules)


def _version(rule: Rule, behavior_id: int, library: methods.Library, now: datetime) -> RuleVersion:
    item = library.behavior(rule.behavior)
    return RuleVersion(
        behavior_id=behavior_id,
        version=rule.version,
        status=RuleStatus.ACTIVE if rule.valid_to is None else RuleStatus.SUPERSEDED,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        unit_factor_nano=rule.unit_factor_nano,
        definition=rule.to_definition(),
        grade=item.grade,
        citation=item.source,
        created_at=now,
        published_at=now,
    )


def _load_self_source(session: Session, now: datetime) -> None:
    """Add the source of residents' own reports; it may bring no better evidence than photos."""
    if session.exec(select(Source).where(col(Source.code) == SELF_SOURCE)).first():
        return
    session.add(
        Source(
            code=SELF_SOURCE,
            name_zh="本人记录",
            name_en="Own report",
            behaviors=[],
            best_evidence="C",
            bindable=False,
            created_at=now,
        )
    )
