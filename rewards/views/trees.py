"""My trees: each with its plot, its papers and what became of it."""

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue
from sqlmodel import col, select

from carbonaccount.config import Settings
from carbonaccount.errors import NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, resident_required
from rewards import giving_queries as queries
from rewards.giving_models import PlotPaper, TreePlot
from rewards.plots import next_report, plot_folder
from rewards.views import blueprint as blueprint


@blueprint.get("/trees")
@resident_required
def trees() -> ResponseReturnValue:
    """List the trees one has adopted."""
    rows = queries.trees_of(current_session(), current_account_id() or 0)
    return render_template("rewards/trees.html", rows=rows)


@blueprint.get("/trees/<public_id>")
@resident_required
def tree(public_id: str) -> ResponseReturnValue:
    """Show one of one's trees with the papers of its plot."""
    session = current_session()
    row = queries.tree_of(session, current_account_id() or 0, public_id)
    if row is None:
        raise NotFound("unknown_tree")
    papers = queries.shown_papers(session, row.plot.id or 0)
    return render_template(
        "rewards/tree.html",
        tree=row.adoption,
        plot=row.plot,
        papers=papers,
        next_report=next_report(row.plot.planted_on, {paper.kind for paper in papers}),
    )


@blueprint.get("/trees/papers/<int:paper_id>")
@resident_required
def plot_paper(paper_id: int) -> Response:
    """Send a photo or report to whoever has adopted a tree of its plot."""
    session = current_session()
    paper = session.exec(select(PlotPaper).where(col(PlotPaper.id) == paper_id)).first()
    if paper is None or not queries.may_see_paper(session, paper, current_account_id() or 0):
        raise NotFound("unknown_paper")
    return send_paper(paper)


def send_paper(paper: PlotPaper) -> Response:
    """Send a paper's file: pictures to be looked at, reports to be kept. Raises NotFound."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    file = plot_folder(settings.instance_path.resolve()) / paper.file_name
    if not file.is_file():
        raise NotFound("unknown_paper")
    if file.suffix != ".pdf":
        return Response(file.read_bytes(), mimetype="image/webp")
    name = f"{paper.kind}-{paper.id}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file.read_bytes(), mimetype="application/pdf", headers=headers)


def tree_plots(reward_id: int) -> list[TreePlot]:
    """Return the plots of a reward of the class tree, for its page."""
    return queries.plots_of_reward(current_session(), reward_id)


@blueprint.context_processor
def tree_words() -> dict[str, object]:
    """Give the page of a reward its plots."""
    return {"tree_plots": tree_plots}
