"""Where records come from: admitting partners, and the accounts their customers are bound to.

Keys and signatures are in `behaviors.source_keys`; a consent `source:<code>` stands behind
every binding of a person.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.intake.candidates import KEY_PATTERN
from behaviors.models import Behavior, BindingCode, Source, SourceSubject
from carbonaccount import audit, signals
from carbonaccount.accounts import services as accounts
from carbonaccount.accounts.models import Account, AccountKind, Consent
from carbonaccount.accounts.notices import PRIVACY_PURPOSE
from carbonaccount.audit import Actor
from carbonaccount.crypto import token_hash
from carbonaccount.errors import Conflict, Invalid, NotFound

SOURCE_CODE = re.compile(r"[a-z][a-z0-9_-]{0,39}")
# A phone number or an identity card number names a person; a subject must not.
_PERSONAL = re.compile(r"(\+?86)?1[3-9]\d{9}|\d{17}[\dXx]")
_PURPOSE = "source:"
MAX_NAME = 80
GRADES = ("A", "B", "C", "D")

# Without letters and digits that look alike, because people read it from one screen to another.
CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 8
CODE_LIFETIME = timedelta(minutes=10)
CONSENT_VERSION = "1"
# What stands in for "when did it last change": bound, or unbound later.
CHANGED_AT = sa.func.coalesce(col(SourceSubject.unbound_at), col(SourceSubject.bound_at))


def add_source(
    session: Session,
    *,
    code: str,
    name_zh: str,
    name_en: str,
    behaviors: Sequence[str],
    best_evidence: str = "A",
    bindable: bool = True,
    acting_user: Actor,
    now: datetime,
) -> Source:
    """Admit a source that may report the named behaviours.

    Raises Invalid for a bad code, name, grade or an unknown behaviour (all of them are named),
    Conflict when the code is taken.
    """
    if not SOURCE_CODE.fullmatch(code):
        raise Invalid("bad_source_code", source=code[:MAX_NAME])
    for name in (name_zh, name_en):
        require_name(name)
    require_grade(best_evidence)
    wanted = known_behaviors(session, behaviors)
    if session.exec(select(Source).where(col(Source.code) == code)).first():
        raise Conflict("source_exists", source=code)
    source = Source(
        code=code,
        name_zh=name_zh.strip(),
        name_en=name_en.strip(),
        behaviors=wanted,
        best_evidence=best_evidence,
        consent_texts=consent_texts(name_zh.strip(), name_en.strip()),
        bindable=bindable,
        created_at=now,
    )
    session.add(source)
    session.flush()  # The key that follows needs the id.
    audit.record(
        session,
        acting_user=acting_user,
        action="source.add",
        subject=f"source:{code}",
        now=now,
        behaviors=wanted,
        best_evidence=best_evidence,
    )
    return source


def require_name(name: str) -> None:
    """Raise Invalid (bad_source_name) unless the text can be a source's name."""
    if not 0 < len(name.strip()) <= MAX_NAME:
        raise Invalid("bad_source_name")


def require_grade(grade: str) -> None:
    """Raise Invalid (unknown_evidence) unless the text is a grade of evidence."""
    if grade not in GRADES:
        raise Invalid("unknown_evidence", field="best_evidence")


def known_behaviors(session: Session, codes: Sequence[str]) -> list[str]:
    """Return the codes without repetition. Raises Invalid: no_behaviors, unknown_behaviors."""
    wanted = list(dict.fromkeys(code.strip() for code in codes if code.strip()))
    if not wanted:
        raise Invalid("no_behaviors")
    known = set(session.exec(select(col(Behavior.code)).where(col(Behavior.code).in_(wanted))))
    unknown = [code for code in wanted if code not in known]
    if unknown:
        raise Invalid("unknown_behaviors", names=", ".join(unknown))
    return wanted


def consent_texts(name_zh: str, name_en: str) -> dict[str, object]:
    """Return what a resident agrees to when binding a source, by language."""
    return {
        "zh": (
            f"我同意{name_zh}向碳账户提供我的相关活动记录（时间、数量，不含轨迹和联系方式），"
            "用于核算减排量和碳积分。我可以随时解除绑定，解除后不再接收新的记录。"
        ),
        "en": (
            f"I agree that {name_en} sends my activity records (time and amount, no routes and no "
            "contact details) to my carbon account, to work out reductions and credits. I can "
            "unbind at any time; from then on no new records are taken."
        ),
    }


def source_by_code(session: Session, code: str) -> Source:
    """Return a source; raises NotFound."""
    found = session.exec(select(Source).where(col(Source.code) == code)).first()
    if found is None:
        raise NotFound("unknown_source", source=code[:MAX_NAME])
    return found


def consent_purpose(source: Source) -> str:
    """Return the purpose under which a resident's consent to this source is kept."""
    return f"{_PURPOSE}{source.code}"


def sources_of_purposes(session: Session, purposes: Iterable[str]) -> Sequence[Source]:
    """Return the sources to which consents of these purposes are given."""
    codes = [name.removeprefix(_PURPOSE) for name in purposes if name.startswith(_PURPOSE)]
    return session.exec(select(Source).where(col(Source.code).in_(codes))).all()


def start_binding(
    session: Session, *, account_id: int, source: Source, acting_user: Actor, now: datetime
) -> str:
    """Return a code of 8 characters that the resident enters in the partner's app.

    Good once and for 10 minutes; an earlier one of the same resident and source ends with it.
    The caller has given the consent in the same transaction: without one Invalid no_consent.
    Raises Conflict when the source cannot be bound.
    """
    _require_bindable(source)
    if not _has_consent(session, account_id, source):
        raise Invalid("no_consent")
    _end_codes(session, account_id=account_id, source=source, now=now)
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    session.add(
        BindingCode(
            code_hash=_code_hash(source, code),
            source_id=source.stored_id,
            account_id=account_id,
            created_at=now,
            expires_at=now + CODE_LIFETIME,
        )
    )
    _audit_binding(session, "binding.start", source, account_id, acting_user, now)
    return code


def claim_binding(
    session: Session,
    *,
    source: Source,
    code: str,
    subject: str,
    acting_user: Actor,
    now: datetime,
) -> SourceSubject:
    """Bind the partner's name for a customer to the resident who holds the code.

    A subject of a pseudonymous account moves to the resident from now on; what was booked for
    the pseudonym stays with it. Raises Invalid for a wrong, used or expired code, a bad subject
    or a consent that was withdrawn; Conflict when the subject is bound to another resident.
    """
    _require_bindable(source)
    require_subject(subject)
    account_id = _use_code(session, source=source, code=code, now=now)
    if not _has_consent(session, account_id, source):
        raise Invalid("no_consent")
    return _bind(
        session,
        source=source,
        subject=subject,
        account_id=account_id,
        acting_user=acting_user,
        now=now,
    )


def bind_subject(
    session: Session,
    *,
    source: Source,
    subject: str,
    account_public_id: str,
    acting_user: Actor,
    now: datetime,
) -> SourceSubject:
    """Bind a subject at the help desk, where the resident has agreed to the source's text.

    Raises NotFound for an unknown account, Conflict for a closed one or a subject that is bound
    to another resident, Invalid for a bad subject.
    """
    require_subject(subject)
    account = session.exec(
        select(Account).where(col(Account.public_id) == account_public_id)
    ).first()
    if account is None or account.id is None:
        raise NotFound("unknown_account")
    if account.closed_at is not None:
        raise Conflict("account_closed")
    if account.kind == AccountKind.PERSON and not _has_consent(session, account.id, source):
        accounts.give_consent(
            session,
            account_id=account.id,
            purpose=consent_purpose(source),
            version=CONSENT_VERSION,
            text=str(source.consent_texts["zh"]),
            channel="help_desk",
            acting_user=acting_user,
            now=now,
        )
    return _bind(
        session,
        source=source,
        subject=subject,
        account_id=account.id,
        acting_user=acting_user,
        now=now,
    )


def unbind(
    session: Session, *, account_id: int, source: Source, acting_user: Actor, now: datetime
) -> int:
    """Withdraw the consent and stop every subject of this source at once.

    Records that arrive later are refused with no_consent, codes that are out are void. Returns
    how many subjects were stopped; what was booked before stays.
    """
    # First, for the count: the withdrawal stops the subjects as well (stop_without_consent).
    stopped = _stop_subjects(session, account_id=account_id, now=now, sources=[source.id])
    accounts.withdraw_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(source),
        acting_user=acting_user,
        now=now,
    )
    _end_codes(session, account_id=account_id, source=source, now=now)
    _audit_binding(session, "binding.end", source, account_id, acting_user, now)
    return stopped


@signals.on_consent_withdrawn
def stop_without_consent(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """Stop the subjects of each source whose consent was withdrawn, wherever that was done."""
    if PRIVACY_PURPOSE in purposes:
        _stop_subjects(session, account_id=account_id, now=now, sources=None)
        return
    every_source = session.exec(select(Source)).all()
    without = [source.id for source in every_source if consent_purpose(source) in purposes]
    if without:
        _stop_subjects(session, account_id=account_id, now=now, sources=without)


def _stop_subjects(
    session: Session, *, account_id: int, now: datetime, sources: Sequence[int | None] | None
) -> int:
    """Switch off a person's active subjects, of some sources or of all; returns how many."""
    statement = sa.update(SourceSubject).where(
        col(SourceSubject.account_id) == account_id, col(SourceSubject.active).is_(True)
    )
    if sources is not None:
        statement = statement.where(col(SourceSubject.source_id).in_(sources))
    stopped = session.execute(statement.values(active=False, unbound_at=now))
    return int(stopped.rowcount)  # type: ignore[attr-defined]


def bindings_page(
    session: Session, *, source: Source, since: datetime | None, after: int, limit: int
) -> list[SourceSubject]:
    """Return a source's subjects by id, those that changed since a moment, at most `limit`."""
    wanted = select(SourceSubject).where(
        col(SourceSubject.source_id) == source.id, col(SourceSubject.id) > after
    )
    if since is not None:
        wanted = wanted.where(since <= CHANGED_AT)
    return list(session.exec(wanted.order_by(col(SourceSubject.id)).limit(limit)))


def delete_old_binding_codes(session: Session, *, before: datetime) -> int:
    """Remove binding codes that expired before a moment; returns how many."""
    done = session.execute(sa.delete(BindingCode).where(col(BindingCode.expires_at) < before))
    return int(done.rowcount)  # type: ignore[attr-defined]


def require_subject(subject: str) -> None:
    """Raise Invalid unless the text can be a partner's name for a customer."""
    if not re.fullmatch(KEY_PATTERN, subject) or _PERSONAL.fullmatch(subject):
        raise Invalid("bad_subject", field="subject")


def _bind(
    session: Session,
    *,
    source: Source,
    subject: str,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> SourceSubject:
    found = session.exec(
        select(SourceSubject)
        .where(col(SourceSubject.source_id) == source.id, col(SourceSubject.subject) == subject)
        .with_for_update()  # Two residents may claim the same subject at the same moment.
    ).first()
    bound = found or SourceSubject(
        source_id=source.stored_id, subject=subject, account_id=account_id, bound_at=now
    )
    if bound.account_id != account_id:
        _require_free(session, bound)
        bound.account_id = account_id
        bound.bound_at = now
    elif not bound.active:
        bound.bound_at = now
    bound.active, bound.unbound_at = True, None
    session.add(bound)
    session.flush()  # The unique key stops a second resident here.
    _audit_binding(session, "binding.bind", source, account_id, acting_user, now)
    return bound


def _require_free(session: Session, bound: SourceSubject) -> None:
    """A pseudonym gives way to a person; a person only after having unbound."""
    owner = session.get_one(Account, bound.account_id)
    if bound.active and owner.kind == AccountKind.PERSON:
        raise Conflict("subject_taken", field="subject")


def _use_code(session: Session, *, source: Source, code: str, now: datetime) -> int:
    """Use the code up and return whose it is; used, expired and wrong codes look the same."""
    code_hash = _code_hash(source, code.strip().upper())
    used = session.execute(
        sa.update(BindingCode)
        .where(
            col(BindingCode.code_hash) == code_hash,
            col(BindingCode.source_id) == source.id,
            col(BindingCode.used_at).is_(None),
            col(BindingCode.expires_at) > now,
        )
        .values(used_at=now)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise Invalid("binding_code_invalid", field="code")
    return session.get_one(BindingCode, code_hash).account_id


def _end_codes(session: Session, *, account_id: int, source: Source, now: datetime) -> None:
    session.execute(
        sa.update(BindingCode)
        .where(
            col(BindingCode.account_id) == account_id,
            col(BindingCode.source_id) == source.id,
            col(BindingCode.used_at).is_(None),
            col(BindingCode.expires_at) > now,
        )
        .values(expires_at=now)
    )


def _has_consent(session: Session, account_id: int, source: Source) -> bool:
    consent = session.exec(
        select(col(Consent.id)).where(
            col(Consent.account_id) == account_id,
            col(Consent.purpose) == consent_purpose(source),
            col(Consent.withdrawn_at).is_(None),
        )
    ).first()
    return consent is not None


def _require_bindable(source: Source) -> None:
    if not source.active:
        raise Conflict("source_inactive", source=source.code)
    if not source.bindable:
        raise Conflict("source_not_bindable", source=source.code)


def _audit_binding(
    session: Session,
    action: str,
    source: Source,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"account:{account_id}",
        now=now,
        source=source.code,
    )


def _code_hash(source: Source, code: str) -> str:
    return token_hash(f"binding:{source.code}:{code}")
