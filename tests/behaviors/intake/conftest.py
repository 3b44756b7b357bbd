"""A source, a rider and an importer."""

from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import Session

from behaviors.models import Source
from tests.behaviors.intake.arranging import admit, open_person
from tests.behaviors.intake.files import Importer


@pytest.fixture
def bikes(session: Session) -> Source:
    """A source that may report every kind of act."""
    source = admit(session)
    session.commit()
    return source


@pytest.fixture
def alice(session: Session, bikes: Source) -> int:
    """The account of a resident whom the source calls alice."""
    account_id = open_person(session, (bikes, "alice"))
    session.commit()
    return account_id


@pytest.fixture
def importer(app: Flask, session: Session, alice: int, tmp_path: Path) -> Importer:
    """Imports files of the source."""
    assert alice
    session.rollback()
    return Importer(app, session, tmp_path)
