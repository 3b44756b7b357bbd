"""Open data: what there is, what its columns mean, and the files."""

import orjson
from flask import Response, render_template
from flask.typing import ResponseReturnValue

from behaviors import city, demo_samples, open_data
from behaviors.views import blueprint as blueprint
from carbonaccount.clock import utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.tables import Cell, table_file


@blueprint.get("/open-data")
def open_data_page() -> ResponseReturnValue:
    """Show the tables with their data dictionary and the licence."""
    return render_template(
        "behaviors/open_data.html",
        tables=open_data.tables(),
        licence=open_data.LICENCE,
        licence_url=open_data.LICENCE_URL,
        fewest=city.FEWEST_PEOPLE,
        sample=demo_samples.sample_source(current_session()),
    )


@blueprint.get("/open-data/<name>.csv")
def open_data_csv(name: str) -> Response:
    """Give a table as CSV: the columns of the dictionary, nothing where there is no value."""
    table = open_data.find_table(name)
    return table_file(
        "csv",
        name=table.name,
        header=[column.name for column in table.columns],
        rows=([_cell(value) for value in row] for row in table.rows(current_session())),
    )


@blueprint.get("/open-data/<name>.json")
def open_data_json(name: str) -> Response:
    """Give a table as JSON, with its dictionary and licence."""
    table = open_data.find_table(name)
    rows = table.rows(current_session())
    sample = demo_samples.sample_source(current_session())
    body = {
        "table": table.name,
        "title": {"zh": table.title_zh, "en": table.title_en},
        "licence": open_data.LICENCE,
        "licence_url": open_data.LICENCE_URL,
        "fewest_people": city.FEWEST_PEOPLE,
        "sample_sources": [sample.code] if sample else [],
        "retrieved_at": utc_now().isoformat(timespec="seconds"),
        "columns": [column._asdict() for column in table.columns],
        "rows": open_data.as_objects(table, rows),
    }
    return Response(orjson.dumps(body), content_type="application/json; charset=utf-8")


def _cell(value: open_data.Value) -> Cell:
    """Return a value as CSV writes it: booleans as JSON does, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
