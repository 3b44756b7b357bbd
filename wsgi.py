"""The application for a server; `flask` finds it here by itself."""

from carbonaccount.app import create_app
from carbonaccount.web.refusals import configuration_told

with configuration_told():
    app = create_app()
