"""How gunicorn serves the site; `gunicorn wsgi:app` reads this file by itself."""

import os

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
