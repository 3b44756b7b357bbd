"""Plots: papers that are used once, reports that a second person approves, trees that die."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session

from carbonaccount.errors import Conflict, DomainError, Invalid, Refused
from carbonaccount.ledger.models import LedgerKind, Unit
from rewards import plots, trees
from rewards.giving_models import TreeAdoption
from tests.rewards.giving.arranging import broken, held, messages, two_staff
from tests.rewards.redeeming.arranging import DAY, open_people, open_shop, redeem
from tests.rewards.trees.arranging import (
    NOW,
    PLANTED_ON,
    accepted_plot,
    file_paper,
    paper,
    picture,
    plot_content,
    report,
    tree_shop,
)


def test_a_paper_is_used_once_and_a_report_counts_after_a_second_person(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    editor, approver = two_staff(app, session)
    shop = tree_shop(session)
    plot = plots.add_plot(
        session, content=plot_content(shop.reward_id), acting_user=editor, now=NOW
    )
    other = plots.add_plot(
        session, content=plot_content(None, name_zh="另一块"), acting_user=editor, now=NOW
    )

    def refused(content: plots.PaperContent) -> str:
        with pytest.raises(DomainError) as error:
            file_paper(session, plot, content, tmp_path, editor)
        return error.value.code

    photo = file_paper(session, plot, paper("photo", picture(1)), tmp_path, editor)
    with pytest.raises(Conflict) as again:
        file_paper(session, other, paper("photo", picture(1, "retold")), tmp_path, editor)
    assert again.value.code == "paper_used_before"
    assert photo.living is None
    assert (tmp_path / photo.file_name).read_bytes()[8:12] == b"WEBP"
    assert len(list(tmp_path.glob("*.webp"))) == 1

    assert refused(paper("photo", report(1))) == "photo_format"
    assert refused(paper("acceptance", b"hello", 3)) == "paper_format"
    assert refused(paper("acceptance", report(1))) == "paper_living"
    assert refused(paper("acceptance", report(1), 11)) == "paper_living"
    assert refused(paper("photo", picture(2), made_on=date(2026, 3, 11))) == "paper_made_on"
    assert refused(paper("photo", picture(2), made_on=date(2024, 3, 11))) == "paper_made_on"
    assert refused(paper("drawing", picture(2))) == "paper_kind"
    # Three years after planting is 2027-03-12.
    assert refused(paper("survival_3y", report(1), 9)) == "paper_too_early"

    filed = file_paper(session, plot, paper("acceptance", report(1), 6), tmp_path, approver)
    step = {"paper_id": filed.id or 0, "reason": "现场看过", "now": NOW}
    for who in (editor, approver):
        with pytest.raises(Refused):
            plots.approve_paper(session, **step, acting_user=who)  # type: ignore[arg-type]
    assert plot.accepted == 0
    mine = file_paper(session, plot, paper("acceptance", report(2), 6), tmp_path, editor)
    step = {"paper_id": mine.id or 0, "reason": "现场看过", "now": NOW}
    plots.approve_paper(session, **step, acting_user=approver)  # type: ignore[arg-type]
    with pytest.raises(Conflict) as twice:
        plots.approve_paper(session, **step, acting_user=approver)  # type: ignore[arg-type]
    more = file_paper(session, plot, paper("acceptance", report(3), 5), tmp_path, editor)
    with pytest.raises(Conflict) as too_many:
        plots.approve_paper(
            session, paper_id=more.id or 0, reason="现场看过", acting_user=approver, now=NOW
        )
    session.commit()

    assert plot.accepted == 6
    assert twice.value.code == "paper_not_waiting"
    assert too_many.value.code == "too_many_trees"
    assert broken(session) == {}


def test_what_a_plot_says_is_checked_and_stays_once_somebody_adopted(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    editor, approver = two_staff(app, session)
    shop, repair = tree_shop(session), open_shop(session)

    def refused(**changes: Any) -> str:
        with pytest.raises(Invalid) as error:
            plots.add_plot(
                session,
                content=plot_content(**{"reward_id": shop.reward_id, **changes}),
                acting_user=editor,
                now=NOW,
            )
        return f"{error.value.code} {error.value.params['field']}"

    assert refused(name_zh="") == "plot_text name_zh"
    assert refused(latitude_micro=90_000_001) == "plot_place latitude_micro"
    assert refused(planted_on=date(2026, 3, 11)) == "plot_planted_on planted_on"
    assert refused(planted=0) == "plot_planted planted"
    assert refused(refund_rule="luck") == "plot_rule refund_rule"
    assert refused(reward_id=repair.reward_id) == "plot_reward reward_id"

    plot = accepted_plot(session, tmp_path, editor, approver, shop)
    changed = plot_content(shop.reward_id, place="微山县另一处")
    plots.edit_plot(session, plot_id=plot.id or 0, content=changed, acting_user=editor, now=NOW)
    (alice,) = open_people(session, 1)
    redeem(session, shop, alice)
    with pytest.raises(Conflict) as adopted:
        plots.edit_plot(session, plot_id=plot.id or 0, content=changed, acting_user=editor, now=NOW)
    assert (plot.place, adopted.value.code) == ("微山县另一处", "plot_adopted")


def test_dead_trees_are_paid_back_in_credits_of_the_year_or_planted_again(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    editor, approver = two_staff(app, session)
    shop = tree_shop(session)
    plot = accepted_plot(session, tmp_path, editor, approver, shop)
    people = open_people(session, 3, credits=100, vintage=2025)
    for account_id in people:
        redeem(session, shop, account_id)
    dead = {"plot_id": plot.id or 0, "died_on": DAY, "acting_user": editor, "now": NOW}
    good = {"plot_id": plot.id or 0, "reason": "已核实", "now": NOW}

    def report_dead(*numbers: int) -> list[TreeAdoption]:
        return trees.report_dead(session, numbers=numbers, **dead)  # type: ignore[arg-type]

    with pytest.raises(Conflict) as unreported:
        report_dead(2)
    survival = file_paper(session, plot, paper("survival_1y", report(9), 8), tmp_path, editor)
    plots.approve_paper(
        session, paper_id=survival.id or 0, reason="现场看过", acting_user=approver, now=NOW
    )
    # Eight of ten live: no more than eight can be adopted now.
    assert (plot.accepted, plot.adopted) == (8, 3)
    with pytest.raises(Conflict) as too_many:
        report_dead(1, 2, 3)
    with pytest.raises(Invalid) as unknown:
        report_dead(2, 4)
    report_dead(2, 3)
    with pytest.raises(Refused) as own:
        trees.make_good(session, numbers=[2], acting_user=editor, **good)  # type: ignore[arg-type]
    trees.make_good(session, numbers=[2], acting_user=approver, **good)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        trees.make_good(session, numbers=[2], acting_user=approver, **good)  # type: ignore[arg-type]
    session.commit()

    assert [error.value.code for error in (unreported, too_many, unknown, own)] == [
        "no_survival_report",
        "more_dead_than_reported",
        "tree_numbers",
        "role_missing",
    ]
    # They paid with credits of 2025; what comes back is of 2026 and does not end at once.
    assert held(session, people[1], LedgerKind.RESIDENT, Unit.CREDIT) == {2026: 100}
    assert held(session, people[2], LedgerKind.RESIDENT, Unit.CREDIT) == {}
    assert [kind for kind, _ in messages(session, people[1]) if kind.startswith("tree")] == [
        "tree_adopted",
        "tree_survival",
        "tree_died",
        "tree_refunded",
    ]
    assert broken(session) == {}

    again = tree_shop(session)
    grove = accepted_plot(session, tmp_path, editor, approver, again, refund_rule="replant")
    (bob,) = open_people(session, 1)
    redeem(session, again, bob)
    lost = file_paper(session, grove, paper("survival_1y", report(10), 9), tmp_path, editor)
    plots.approve_paper(
        session, paper_id=lost.id or 0, reason="现场看过", acting_user=approver, now=NOW
    )
    dead.update(plot_id=grove.id or 0, died_on=date(2026, 3, 1))
    (tree,) = report_dead(1)
    good["plot_id"] = grove.id or 0
    with pytest.raises(Conflict) as no_photo:
        trees.make_good(session, numbers=[1], acting_user=approver, **good)  # type: ignore[arg-type]
    file_paper(session, grove, paper("photo", picture(5)), tmp_path, editor)
    trees.make_good(session, numbers=[1], acting_user=approver, **good)  # type: ignore[arg-type]
    session.commit()

    assert no_photo.value.code == "no_new_photo"
    assert tree.status == "replanted"
    assert date(2026, 3, 1) > PLANTED_ON
    assert broken(session) == {}


def test_the_next_report_is_due_on_the_anniversary() -> None:
    def due(planted_on: date, *approved: str) -> tuple[str, date] | None:
        return plots.next_report(planted_on, approved)

    assert due(date(2024, 3, 12), "acceptance") == ("survival_1y", date(2025, 3, 12))
    assert due(date(2024, 3, 12), "survival_1y") == ("survival_3y", date(2027, 3, 12))
    assert due(date(2024, 2, 29)) == ("survival_1y", date(2025, 2, 28))
    assert due(date(2024, 3, 12), "survival_1y", "survival_3y") is None
