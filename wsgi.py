"""The application for a server; `flask` finds it here by itself."""

from carbonaccount.app import create_app

app = create_app()
