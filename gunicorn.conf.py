"""How gunicorn serves the site; `gunicorn wsgi:app` reads this file by itself."""

import glob
import os
import shutil
import sys
import tempfile
from typing import Any

bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
# A signed batch of 10,000 items is scored and booked well within this, even on a busy machine.
timeout = 60
# The control socket would be written to the home directory, which a hardened service cannot do.
control_socket_disable = True
# The access log would hold addresses and paths of persons; the application logs what is needed.
accesslog = None

# Each worker counts in files of one folder, so that /metrics tells the sum over all of them. Set
# before any worker imports the application: the counters decide then where they are kept.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="carbonaccount-metrics-")
metrics_folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]


def on_starting(_server: object) -> None:
    """Refuse unsafe settings once and plainly; forget what an earlier run counted."""
    from carbonaccount.config import load_settings
    from carbonaccount.errors import ConfigurationError

    try:
        load_settings()
    except ConfigurationError as error:
        # Each worker would tell it in a stack trace of its own.
        on_exit(_server)
        from carbonaccount.web.refusals import problems_of

        told = (f"- {problem}" for problem in problems_of(error))
        sys.exit("\n".join(["The site does not start:", *told]))
    os.makedirs(metrics_folder, exist_ok=True)
    for file in glob.glob(os.path.join(metrics_folder, "*.db")):
        os.remove(file)


def post_worker_init(worker: Any) -> None:
    """Let the daily jobs run inside the server, if asked to; of all its processes one leads."""
    from carbonaccount.job_process import start_in_server

    worker.stop_jobs = start_in_server(worker.wsgi)


def worker_exit(_server: object, worker: Any) -> None:
    """Let a job that runs end, and another process lead."""
    stop_jobs = getattr(worker, "stop_jobs", None)
    if stop_jobs is not None:
        stop_jobs()


def on_exit(_server: object) -> None:
    """Leave nothing behind in the system's folder for temporary files."""
    shutil.rmtree(metrics_folder, ignore_errors=True)
