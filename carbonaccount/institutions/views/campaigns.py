"""Challenges: an institution's own, with a goal and teams compared with themselves."""

from datetime import date

from flask import flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp

from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import campaigns as services
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.campaign_rules import (
    CampaignResult,
    TeamResult,
    change_text,
    tenths,
)
from carbonaccount.institutions.campaigns import CampaignContent
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.team_acts import behavior_choices
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import at_institution, attempted, named, put_error
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen
from carbonaccount.web.government import rankings_shown
from carbonaccount.web.identity import go_to
from carbonaccount.web.once import OnceForm
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language


class CampaignForm(OnceForm):
    """A challenge: its name, what is counted, from when to when, and the goal."""

    name_zh = StringField(
        _l("名称"),
        validators=[InputRequired(_l("请填名称。")), Length(max=60)],
        render_kw={"maxlength": 60, "autocomplete": "off"},
    )
    name_en = StringField(
        _l("英文名称（可以不填）"),
        validators=[Length(max=90)],
        render_kw={"maxlength": 90, "autocomplete": "off"},
    )
    behavior = SelectField(_l("数哪种行为"), validators=[InputRequired(_l("请选择行为。"))])
    first_day = SelectField(_l("第一天"), validators=[InputRequired(_l("请选择第一天。"))])
    last_day = SelectField(_l("最后一天"), validators=[InputRequired(_l("请选择最后一天。"))])
    goal_acts = StringField(
        _l("目标：全体成员一共"),
        validators=[
            Regexp(r"^\s*[0-9]{1,9}\s*$", message=_l("请填整数，1 到 100,000,000，例如 500。"))
        ],
        render_kw={"inputmode": "numeric", "maxlength": 9, "autocomplete": "off"},
    )

    def offer(self) -> None:
        """Fill in what can be chosen: behaviours, and the days of whole parts of months."""
        parts = services.parts_to_come(business_day(utc_now()))
        for field, days in (
            (self.first_day, [part.first for part in parts]),
            (self.last_day, [part.last for part in parts]),
        ):
            field.choices = [
                SelectChoice("", _l("请选择")),
                *(SelectChoice(day.isoformat(), format_date(day, "long")) for day in days),
            ]
        self.behavior.choices = [
            SelectChoice("", _l("请选择")),
            *(
                SelectChoice(choice.code, choice.names.get(language()) or choice.names["zh"])
                for choice in behavior_choices(current_session())
            ),
        ]

    def content(self) -> CampaignContent:
        """Return what was written."""
        return CampaignContent(
            name_zh=self.name_zh.data or "",
            name_en=self.name_en.data or "",
            behavior=self.behavior.data or "",
            first_day=date.fromisoformat(self.first_day.data),
            last_day=date.fromisoformat(self.last_day.data),
            goal_acts=int((self.goal_acts.data or "0").strip() or 0),
        )


@at_institution("/campaigns")
def campaigns(place: Seated) -> ResponseReturnValue:
    """List an institution's challenges."""
    form = CampaignForm(None)
    form.offer()
    return _list(place, form, 200)


def _list(place: Seated, form: CampaignForm, status: int) -> ResponseReturnValue:
    page = render_template(
        "institutions/campaigns.html",
        place=place,
        form=form,
        campaigns=_chosen(place),
        states=STATES,
        state=_state(),
        may_edit=place.may(CLERKS),
        shortest=services.SHORTEST_DAYS,
        longest=services.LONGEST_DAYS,
    )
    return page, status


def _state() -> str:
    return chosen("state", STATES, _("状态"))


def _chosen(place: Seated) -> list[Campaign]:
    """Return the challenges in the state that the address asks for, all without one."""
    wanted = _state()
    rows = services.campaigns_of(current_session(), institution_id=place.institution_id)
    return [row for row in rows if wanted in ("", campaign_state(row))]


@at_institution("/campaigns.<any(csv, xlsx):kind>")
def campaigns_export(place: Seated, kind: str) -> ResponseReturnValue:
    """Send the list of challenges as a file."""
    header = [_("名称"), _("行为"), _("第一天"), _("最后一天"), _("目标（次）"), _("状态")]
    names = {row.code: row.names for row in behavior_choices(current_session())}
    rows: list[list[Cell]] = [
        [
            named(row),
            names.get(row.behavior, {}).get(language(), row.behavior),
            row.first_day.isoformat(),
            row.last_day.isoformat(),
            row.goal_acts,
            campaign_words(row)[0],
        ]
        for row in _chosen(place)
    ]
    return table_file(kind, name="campaigns", header=header, rows=rows)


@at_institution("/campaigns/new", seats=CLERKS, methods=("POST",))
def new_campaign(place: Seated) -> ResponseReturnValue:
    """Announce a challenge."""
    form = CampaignForm()
    form.offer()
    if not form.validate_on_submit():
        return _list(place, form, 422)
    error = attempted(
        services.begin,
        institution=place.institution,
        content=form.content(),
        request_key=form.key(),
    )
    if error is not None:
        put_error(form, error)
        return _list(place, form, status_of(error))
    flash(_("挑战已发布。成员不用打卡，有记录就算。"), "success")
    return go_to(url_for("institutions.campaigns", public_id=place.institution.public_id))


@at_institution("/campaigns/<campaign_id>")
def campaign(place: Seated, campaign_id: str) -> ResponseReturnValue:
    """Show what a challenge has come to."""
    row = services.find(
        current_session(), institution_id=place.institution_id, public_id=campaign_id
    )
    result = _result(row)
    return render_template(
        "institutions/campaign.html",
        place=place,
        campaign=row,
        result=result,
        next_told=services.next_told(row, result),
        ranked=rankings_shown(),
        may_edit=place.may(CLERKS),
        over=campaign_state(row) in ("over", "called_off"),
    )


def _result(row: Campaign) -> CampaignResult:
    return services.result_of(current_session(), campaign=row, ranked=rankings_shown())


@at_institution("/campaigns/<campaign_id>/call-off", seats=CLERKS, methods=("POST",))
def call_off_campaign(place: Seated, campaign_id: str) -> ResponseReturnValue:
    """End a challenge before its time."""
    error = attempted(services.call_off, institution=place.institution, campaign_id=campaign_id)
    if error is not None:
        raise error
    flash(_("挑战已提前结束。"), "success")
    return go_to(
        url_for(
            "institutions.campaign",
            public_id=place.institution.public_id,
            campaign_id=campaign_id,
        )
    )


@at_institution("/campaigns/<campaign_id>/teams.<any(csv, xlsx):kind>")
def campaign_export(place: Seated, campaign_id: str, kind: str) -> ResponseReturnValue:
    """Send what the teams came to as a file."""
    row = services.find(
        current_session(), institution_id=place.institution_id, public_id=campaign_id
    )
    header = [_("班级或部门"), _("成员"), _("每人每周次数"), _("变化")]
    ranked = rankings_shown()
    rows = [_row(team, ranked) for team in _result(row).teams]
    return table_file(
        kind, name="campaign-teams", header=[_("名次"), *header] if ranked else header, rows=rows
    )


def _row(team: TeamResult, ranked: bool) -> list[Cell]:
    """Return a team's row; figures are numbers, not texts with a sign in front."""
    figures = (team.weekly, team.change)
    cells: list[Cell] = [
        team.team or _("未分组"),
        team.members,
        *(_("不足 10 人，不显示") if one is None else tenths(one) for one in figures),
    ]
    return [team.place or "", *cells] if ranked else cells


def campaign_state(row: Campaign, today: date | None = None) -> str:
    """Return where a challenge stands: called_off, ahead, running or over."""
    today = today or business_day(utc_now())
    if row.called_off_at is not None:
        return "called_off"
    if today < row.first_day:
        return "ahead"
    return "running" if today <= row.last_day else "over"


STATES = {
    "running": (_l("进行中"), "good"),
    "ahead": (_l("还没开始"), "wait"),
    "over": (_l("已结束"), "plain"),
    "called_off": (_l("已提前结束"), "bad"),
}


def campaign_words(row: Campaign) -> tuple[str, str]:
    """Return where a challenge stands, in words and as a tone."""
    word, tone = STATES[campaign_state(row)]
    return str(word), tone


def behavior_label(code: str) -> str:
    """Return what a behaviour is called; of one that is not in use any more, its code."""
    for choice in behavior_choices(current_session()):
        if choice.code == code:
            return choice.names.get(language()) or choice.names["zh"]
    return code


def campaigns_running(institution_ids: list[int]) -> list[Campaign]:
    """Return the challenges that run today at institutions, for their members' own page."""
    return services.running(
        current_session(), institution_ids=institution_ids, today=business_day(utc_now())
    )


@blueprint.context_processor
def campaign_helpers() -> dict[str, object]:
    """Give the pages about challenges the names of things."""
    return {
        "behavior_label": behavior_label,
        "campaign_name": named,
        "campaign_words": campaign_words,
        "campaigns_running": campaigns_running,
        "team_change": change_text,
        "team_weekly": tenths,
    }
