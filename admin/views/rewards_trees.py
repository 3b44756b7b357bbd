"""Plots in the panel: what was planted, its papers, and the trees that were adopted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin.giving import reads
from admin.giving.forms import DeadForm, GoodForm, PaperForm, PlotForm
from admin.giving.reads import PlotLine
from admin.life.forms import ReasonForm
from admin.listing import Column, exported, listing
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.templating import language
from rewards import giving_labels, plots, trees
from rewards.giving_models import TreeAdoption, TreePlot
from rewards.views.trees import send_paper

# What the service calls a field, and how the form calls it.
_PLACES = {"latitude_micro": "latitude", "longitude_micro": "longitude"}


def plot_name(plot: TreePlot) -> str:
    """Return a plot's name in the page's language."""
    return plot.name_en if language() == "en" and plot.name_en else plot.name_zh


def columns() -> list[Column[PlotLine]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("name", _("林地"), lambda line: plot_name(line.plot)),
        Column("species", _("树种"), lambda line: line.plot.species_zh),
        Column("place", _("地点"), lambda line: line.plot.place),
        Column("planted_on", _("种植日期"), lambda line: line.plot.planted_on.isoformat()),
        Column("planted", _("种下"), lambda line: line.plot.planted),
        Column("accepted", _("验收"), lambda line: line.plot.accepted),
        Column("adopted", _("已认养"), lambda line: line.plot.adopted),
        Column("waiting", _("待批准的报告"), lambda line: line.waiting),
        Column("next", _("下一份报告"), lambda line: line.next[1].isoformat() if line.next else ""),
        Column(
            "reward",
            _("兑换项目"),
            lambda line: line.reward.texts[language()]["title"] if line.reward else "",
        ),
    ]


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:60] for name in ("q", "waiting")}


def _chosen(filters: dict[str, str]) -> list[PlotLine]:
    return [
        line
        for line in reads.plot_lines(current_session())
        if (line.waiting or not filters["waiting"])
        and filters["q"].casefold()
        in f"{line.plot.name_zh} {line.plot.name_en} {line.plot.place}".casefold()
    ]


@blueprint.get("/plots")
def plots_list() -> ResponseReturnValue:
    """List the plots."""
    filters = _filters()
    return render_template(
        "admin/rewards/plots.html",
        list=listing(_chosen(filters), columns(), filters=filters),
        filters=filters,
        plot_name=plot_name,
        today=business_day(utc_now()),
    )


@blueprint.get("/plots.<any(csv, xlsx):kind>")
def plots_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return exported("plots", kind, columns(), _chosen(_filters()))


@blueprint.get("/plots/<int:plot_id>")
def plot(plot_id: int) -> ResponseReturnValue:
    """Show a plot, its papers and its adopted trees."""
    return _page(plot_id)


def _page(plot_id: int, status: int = 200, **forms: Any) -> ResponseReturnValue:
    session = current_session()
    row = reads.find_plot(session, plot_id)
    forms = {
        "paper": PaperForm(None),
        "approve": ReasonForm(None),
        "dead": DeadForm(None),
        "good": GoodForm(None),
        **forms,
    }
    page = render_template(
        "admin/rewards/plot.html",
        plot=row,
        name=plot_name(row),
        papers=reads.papers_of(session, plot_id),
        adoptions=reads.adoptions_of(session, plot_id),
        trail=reads.trail_of(session, f"plot:{plot_id}"),
        forms=forms,
        me=str(current_actor()),
    )
    return page, status


@blueprint.route("/plots/new", methods=["GET", "POST"])
def new_plot() -> ResponseReturnValue:
    """Write down a plot."""
    return _form_page(_offering(PlotForm()), None, plots.add_plot)


@blueprint.route("/plots/<int:plot_id>/edit", methods=["GET", "POST"])
def edit_plot(plot_id: int) -> ResponseReturnValue:
    """Write a plot anew."""
    row = reads.find_plot(current_session(), plot_id)
    form = _offering(PlotForm())
    if request.method == "GET":
        form.fill(row)
    return _form_page(form, row, plots.edit_plot, plot_id=plot_id)


def _offering(form: PlotForm) -> PlotForm:
    form.offer(reads.tree_rewards(current_session()))
    return form


def _form_page(
    form: PlotForm, row: TreePlot | None, service: Callable[..., TreePlot], **needs: object
) -> ResponseReturnValue:
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        made: list[TreePlot] = []

        def save(session: object, **more: object) -> None:
            made.append(service(session, **more))

        who = {"acting_user": current_actor(), "now": utc_now()}
        error, status = attempted(save, content=form.content(), **who, **needs)
        if error is None:
            flash(_("林地已保存。验收报告批准后，树才能被认养。"), "success")
            return go_to(url_for("admin.plot", plot_id=made[0].id))
        put_error(form, error, **_PLACES)
    return render_template("admin/rewards/plot_form.html", form=form, row=row), status


def _done(
    plot_id: int,
    name: str,
    form: Any,
    service: Callable[..., object],
    done: str,
    /,
    **needs: object,
) -> ResponseReturnValue:
    """Do what a form asks for and come back to the plot; what is wrong stands at the form."""
    error, status = attempted(service, acting_user=current_actor(), now=utc_now(), **needs)
    if error is None:
        flash(done, "success")
        return go_to(url_for("admin.plot", plot_id=plot_id))
    put_error(form, error)
    return _page(plot_id, status, **{name: form})


@blueprint.post("/plots/<int:plot_id>/papers")
def add_plot_paper(plot_id: int) -> ResponseReturnValue:
    """File a photo or report."""
    reads.find_plot(current_session(), plot_id)
    form = PaperForm()
    if not form.validate_on_submit():
        return _page(plot_id, 422, paper=form)
    return _done(
        plot_id,
        "paper",
        form,
        plots.add_paper,
        _("已存档。报告要由另一位同事批准后才算数。"),
        plot_id=plot_id,
        content=form.content(plots.MAX_PAPER_BYTES),
        folder=_folder(),
    )


def _folder() -> Path:
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return plots.plot_folder(settings.instance_path.resolve())


@blueprint.get("/plots/papers/<int:paper_id>")
def plot_paper(paper_id: int) -> Response:
    """Send a paper's file."""
    return send_paper(reads.find_paper(current_session(), paper_id))


@blueprint.post("/plots/papers/<int:paper_id>/approve")
def approve_plot_paper(paper_id: int) -> ResponseReturnValue:
    """Let a report count."""
    plot_id = reads.find_paper(current_session(), paper_id).plot_id
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(plot_id, 422, approve=form)
    return _done(
        plot_id,
        "approve",
        form,
        plots.approve_paper,
        _("报告已批准。"),
        paper_id=paper_id,
        reason=form.reason.data,
    )


@blueprint.post("/plots/<int:plot_id>/dead")
def report_dead_trees(plot_id: int) -> ResponseReturnValue:
    """Write down which adopted trees have died."""
    reads.find_plot(current_session(), plot_id)
    form = DeadForm()
    if not form.validate_on_submit():
        return _page(plot_id, 422, dead=form)
    return _done(
        plot_id,
        "dead",
        form,
        trees.report_dead,
        _("已登记，认养人会收到消息。"),
        plot_id=plot_id,
        numbers=form.chosen(),
        died_on=form.died_on.data,
    )


@blueprint.post("/plots/<int:plot_id>/good")
def make_trees_good(plot_id: int) -> ResponseReturnValue:
    """Do for dead trees what the rule promises."""
    reads.find_plot(current_session(), plot_id)
    form = GoodForm()
    if not form.validate_on_submit():
        return _page(plot_id, 422, good=form)
    return _done(
        plot_id,
        "good",
        form,
        trees.make_good,
        _("已处理，认养人会收到消息。"),
        plot_id=plot_id,
        numbers=form.chosen(),
        reason=form.reason.data,
    )


def _tree_columns() -> list[Column[TreeAdoption]]:
    return [
        Column("number", _("树的编号"), lambda tree: tree.number),
        Column("status", _("状态"), lambda tree: str(giving_labels.TREE_STATES[tree.status][0])),
        Column("adopted_at", _("认养时间"), lambda tree: tree.adopted_at.isoformat()),
        Column("died_on", _("死亡日期"), lambda tree: str(tree.died_on or "")),
        Column("public_id", _("编号"), lambda tree: tree.public_id),
    ]


@blueprint.get("/plots/<int:plot_id>/trees.<any(csv, xlsx):kind>")
def plot_trees_export(plot_id: int, kind: str) -> Response:
    """Return the adopted trees of a plot as a file, without the adopters."""
    row = reads.find_plot(current_session(), plot_id)
    rows = reads.adoptions_of(current_session(), plot_id)
    return exported(f"trees-{row.public_id}", kind, _tree_columns(), rows)
