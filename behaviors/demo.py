"""The demonstration: two partners, pseudonymous residents from published records, one staff member.

Everything measured comes from the files in `demo_data` (see its README); no resident is invented.
Bus trips are the exception, marked as samples wherever they are shown (see `demo_samples`).
Some subjects are kept back: whoever binds a partner gets the records of a real bike or car.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

import polars as pl
from sqlmodel import Session, col, select

from behaviors.intake import door
from behaviors.intake.importing import import_file
from behaviors.intake.mapping import check_mapping, parse_mapping, ready_mappings, to_candidates
from behaviors.intake.reading import BROKEN_COLUMN, LINE_COLUMN, read_blocks
from behaviors.models import Channel, Source, SourceSubject
from behaviors.rulebook import RuleBook
from behaviors.sources import add_source, claim_binding
from carbonaccount.accounts import queries
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff, generate_password
from carbonaccount.audit import SYSTEM, Actor, AuditEntry
from carbonaccount.crypto import Vault
from carbonaccount.database import SessionFactory
from carbonaccount.errors import Conflict

STAFF_FILE = "demo-staff.txt"
_MOST_LINES = 100_000

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class DemoPartner:
    """A partner of the demonstration and its part of the excerpt."""

    code: str
    name_zh: str
    name_en: str
    behavior: str
    mapping: str
    file: str
    claimable_file: str


@dataclass(frozen=True)
class DemoStaff:
    """A member of the demonstration's staff; two are needed to change a rule."""

    login: str
    display_name: str
    roles: frozenset[Role]


STAFF = (
    DemoStaff("demo", "演示管理员", frozenset({Role.OPERATOR, Role.REVIEWER, Role.SYSTEM_ADMIN})),
    DemoStaff(
        "demo-editor",
        "演示规则编辑",
        frozenset(
            {
                Role.RULE_EDITOR,
                Role.REWARD_EDITOR,
                # The second one: whoever drafts a pool does not open it.
                Role.INSTITUTION_OFFICER,
                Role.OPERATOR,
            }
        ),
    ),
    DemoStaff(
        "demo-approver",
        "演示规则审批",
        frozenset(
            {
                Role.RULE_APPROVER,
                Role.REWARD_APPROVER,
                Role.INSTITUTION_OFFICER,
                Role.REVIEWER,
            }
        ),
    ),
)


PARTNERS = (
    DemoPartner(
        "demo-bike",
        "演示单车",
        "Demo Bike",
        "bike_ride",
        "bike_trips",
        "bike_trips.tsv",
        "bike_trips_claimable.tsv",
    ),
    DemoPartner(
        "demo-charging",
        "演示充电",
        "Demo Charging",
        "ev_charging",
        "workplace_charging",
        "charging_sessions.csv",
        "charging_sessions_claimable.csv",
    ),
)


@dataclass(frozen=True)
class Confirmation:
    """What the demonstration's operator app answered: whom it bound, and what it sent."""

    subject: str
    batch: door.BatchResult


def load_partners(open_session: SessionFactory, *, rejected_folder: Path, clock: Clock) -> None:
    """Add the two partners and import their excerpts; what is there already stays as it is."""
    for partner in PARTNERS:
        with open_session() as session:
            _ensure_source(session, partner, clock())
            done = _was_imported(session, partner)
            session.commit()
        if not done:
            _import_excerpt(open_session, partner, rejected_folder, clock)


def _ensure_source(session: Session, partner: DemoPartner, now: datetime) -> None:
    if session.exec(select(Source).where(col(Source.code) == partner.code)).first():
        return
    add_source(
        session,
        code=partner.code,
        name_zh=partner.name_zh,
        name_en=partner.name_en,
        behaviors=[partner.behavior],
        acting_user=SYSTEM,
        now=now,
    )


def _was_imported(session: Session, partner: DemoPartner) -> bool:
    """The trail gets its entry after the last line, so an import that broke off is done again."""
    entry = session.exec(
        select(col(AuditEntry.id)).where(
            col(AuditEntry.action) == "intake.import_file",
            col(AuditEntry.subject) == f"source:{partner.code}",
        )
    ).first()
    return entry is not None


def _import_excerpt(
    open_session: SessionFactory, partner: DemoPartner, rejected_folder: Path, clock: Clock
) -> None:
    with resources.as_file(_data(partner.file)) as path:
        import_file(
            open_session,
            path=path,
            source_code=partner.code,
            mapping=parse_mapping(ready_mappings()[partner.mapping]),
            exceptions_file=rejected_folder / f"{partner.file}.csv",
            batch_rows=_MOST_LINES,
            open_unknown=True,
            acting_user=SYSTEM,
            clock=clock,
        )


def ensure_staff(session: Session, *, vault: Vault, instance: Path, now: datetime) -> Path:
    """Add the demonstration's staff, and return the file that says how each signs in.

    Passwords and TOTP secrets are random for each installation; the file is for its owner's eyes.
    """
    file = instance / STAFF_FILE
    instance.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    for person in STAFF:
        if queries.staff_by_login(session, person.login) is None:
            with file.open("a", encoding="utf-8") as told:
                told.write(_add_demo_staff(session, person, vault=vault, now=now))
    return file


def _add_demo_staff(session: Session, person: DemoStaff, *, vault: Vault, now: datetime) -> str:
    password = generate_password()
    added = add_staff(
        session,
        login=person.login,
        display_name=person.display_name,
        password=password,
        roles=person.roles,
        vault=vault,
        acting_user=SYSTEM,
        now=now,
    )
    return (
        f"login: {person.login} ({', '.join(sorted(person.roles))})\n"
        f"password: {password}\nTOTP secret: {added.totp_secret}\n"
        f"{added.provisioning_uri('carbonaccount demo')}\n"
    )


def partner_of(source: Source) -> DemoPartner | None:
    """Return the demonstration's partner behind a source, None for a real one."""
    return next((partner for partner in PARTNERS if partner.code == source.code), None)


def confirm_in_operator_app(
    session: Session, *, source: Source, account_id: int, code: str, now: datetime
) -> Confirmation:
    """Do what a partner's app does: claim the resident's code for a customer, send its records.

    The customer is one kept back from the excerpt; a resident who bound before gets the same one.
    Raises Conflict when all are taken, and what claiming raises. The caller commits.
    """
    partner = partner_of(source)
    if partner is None:
        raise Conflict("not_a_demo_source", source=source.code)
    lines = _claimable_lines(partner)
    mapping = parse_mapping(ready_mappings()[partner.mapping])
    book = RuleBook.load(session)
    frame = to_candidates(lines, mapping, check_mapping(mapping, book))
    subject = _free_subject(session, source, account_id, frame)
    acting_user = Actor("partner", source.code, source.id)
    claim_binding(
        session, source=source, code=code, subject=subject, acting_user=acting_user, now=now
    )
    batch = door.take_frame(
        session,
        source=source,
        channel=Channel.FILE,
        frame=frame.filter(pl.col("subject") == subject),
        book=book,
        acting_user=acting_user,
        now=now,
    )
    return Confirmation(subject, batch)


def _claimable_lines(partner: DemoPartner) -> pl.DataFrame:
    with resources.as_file(_data(partner.claimable_file)) as path:
        blocks = [block.lines for block in read_blocks(path, rows=_MOST_LINES)]
    return pl.concat(blocks).drop(BROKEN_COLUMN).rename({LINE_COLUMN: "idx"})


def _free_subject(session: Session, source: Source, account_id: int, frame: pl.DataFrame) -> str:
    """The resident's own from before, else the first that is bound to no other person."""
    names: list[str] = frame["subject"].unique(maintain_order=True).to_list()
    bound = session.exec(
        select(col(SourceSubject.subject), col(SourceSubject.account_id), col(Account.kind))
        .join(Account, col(Account.id) == col(SourceSubject.account_id))
        .where(col(SourceSubject.source_id) == source.id, col(SourceSubject.subject).in_(names))
    ).all()
    own = [subject for subject, owner, _kind in bound if owner == account_id]
    taken = {subject for subject, _owner, kind in bound if kind == AccountKind.PERSON}
    free = own + [name for name in names if name not in taken]
    if not free:
        raise Conflict("demo_subjects_taken", source=source.code)
    return free[0]


def _data(name: str) -> resources.abc.Traversable:
    return resources.files("behaviors") / "demo_data" / name
