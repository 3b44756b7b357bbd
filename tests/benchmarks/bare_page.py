"""The least a page can be: Flask, one indexed SELECT, and as many bytes as were asked for.

gunicorn serves it as it serves the site: `gunicorn tests.benchmarks.bare_page:app`.
"""

import os

from flask import Flask, request

from carbonaccount.config import load_settings
from carbonaccount.database import make_engine, reading

app = Flask(__name__)
# What the server of the site asks its application for.
app.extensions["carbonaccount.settings"] = load_settings()
_engine = reading(make_engine(os.environ["DATABASE_URL"]))
_MARK = "?" if _engine.dialect.name == "sqlite" else "%s"
# A table with a `public_id` of its own; what else its rows say is read whole.
_TABLE = os.environ.get("BARE_TABLE", "coupon")
_COLUMNS = os.environ.get("BARE_COLUMNS", "id, status, price_credits")
_SELECT = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE public_id = {_MARK}"


@app.get("/<public_id>")
def page(public_id: str) -> str:
    """Send `size` bytes that hold what the row says."""
    with _engine.connect() as connection:
        row = connection.exec_driver_sql(_SELECT, (public_id,)).one()
    return " ".join(map(str, row)).ljust(request.args.get("size", 0, type=int))
