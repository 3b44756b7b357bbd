"""The least a page can be: Flask, one indexed SELECT, and as many bytes as were asked for.

gunicorn serves it as it serves the site: `gunicorn tests.benchmarks.bare_page:app`.
"""

import os

from flask import Flask, request

from carbonaccount.database import make_engine, reading

app = Flask(__name__)
_engine = reading(make_engine(os.environ["DATABASE_URL"]))
_MARK = "?" if _engine.dialect.name == "sqlite" else "%s"
_SELECT = f"SELECT id, status, price_credits FROM coupon WHERE public_id = {_MARK}"


@app.get("/<public_id>")
def page(public_id: str) -> str:
    """Send `size` bytes that hold what the row says."""
    with _engine.connect() as connection:
        row = connection.exec_driver_sql(_SELECT, (public_id,)).one()
    return f"{row.id} {row.status} {row.price_credits}".ljust(request.args.get("size", 0, type=int))
