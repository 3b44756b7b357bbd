"""The composition root: the one file that may import every room."""

from functools import partial
from importlib import import_module

from flask import Flask
from sqlmodel import Session

from carbonaccount.clock import utc_now
from carbonaccount.config import Profile, Settings, load_settings
from carbonaccount.crypto import Vault
from carbonaccount.database import assert_durable, make_engine
from carbonaccount.web.application import Application, make_application

_MODEL_MODULES = (
    "carbonaccount.accounts.models",
    "carbonaccount.audit",
    "carbonaccount.institutions.campaign_models",
    "carbonaccount.institutions.event_models",
    "carbonaccount.institutions.inventory_models",
    "carbonaccount.institutions.models",
    "carbonaccount.institutions.pool_models",
    "carbonaccount.institutions.neutrality_models",
    "carbonaccount.institutions.offset_models",
    "carbonaccount.institutions.recognition_models",
    "carbonaccount.job_models",
    "carbonaccount.lease",
    "carbonaccount.ledger.models",
    "carbonaccount.messages.models",
    "carbonaccount.policy.models",
    "behaviors.control_models",
    "behaviors.models",
    "behaviors.rule_models",
    "behaviors.told_models",
    "behaviors.total_models",
    "rewards.fund_models",
    "rewards.giving_models",
    "rewards.merchant_models",
    "rewards.models",
)


def import_models() -> None:
    """Import every module that holds tables, so that the metadata is whole."""
    for name in _MODEL_MODULES:
        import_module(name)


def create_app(settings: Settings | None = None) -> Application:
    """Build the application from settings, by default those of the environment.

    Raises ConfigurationError when the settings are unsafe for the profile, DatabaseUnsafe when
    the production profile meets a database that can lose acknowledged writes.
    """
    settings = settings or load_settings()
    import_models()
    app = make_application("carbonaccount", instance_path=str(settings.instance_path.resolve()))
    app.config.from_mapping(flask_config(settings))
    app.extensions["carbonaccount.settings"] = settings
    app.extensions["carbonaccount.vault"] = Vault(settings.data_key_bytes)
    app.extensions["carbonaccount.engine"] = make_engine(settings.resolved_database_url)
    app.extensions["carbonaccount.load_reference_data"] = load_reference_data
    if settings.profile is Profile.PRODUCTION:
        assert_durable(app.extensions["carbonaccount.engine"])
    _configure_web(app, settings)
    _register_rooms(app)
    return app


def flask_config(settings: Settings) -> dict[str, object]:
    """Translate our settings into Flask's."""
    secure = settings.cookie_secure or settings.profile is Profile.PRODUCTION
    hosts = [host.strip() for host in settings.trusted_hosts.split(",") if host.strip()]
    return {
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "DEBUG": settings.debug,
        "TRUSTED_HOSTS": hosts or None,
        "MAX_CONTENT_LENGTH": settings.upload_max_mib * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        "MAX_FORM_PARTS": 100,
        "SESSION_COOKIE_NAME": "carbon",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "BABEL_DEFAULT_LOCALE": "zh",
        "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
        "TEMPLATES_AUTO_RELOAD": settings.debug,
    }


def _configure_web(app: Flask, settings: Settings) -> None:
    from carbonaccount.web import (
        database,
        error_pages,
        government,
        health,
        home_cards,
        i18n,
        identity,
        kept,
        logging,
        security,
        templating,
        unread,
    )

    logging.init_app(app, settings)
    app.teardown_appcontext(database.close_session)
    security.init_app(app, settings)
    identity.init_app(app)
    i18n.init_app(app)
    templating.init_app(app)
    kept.init_app(app)
    government.init_app(app)
    error_pages.init_app(app)
    health.init_app(app)
    unread.init_app(app)
    home_cards.init_app(app)


def _register_rooms(app: Application) -> None:
    from admin import views as admin_views
    from behaviors import (  # noqa: F401 - they register themselves
        certified_sources,
        demo_cli,
        factor_versions,
        jobs,
        member_totals,
        sources_cli,
        standing,
        team_acts,
    )
    from behaviors import cli as behaviors_cli
    from behaviors import views as behaviors_views
    from behaviors.api import document
    from carbonaccount import cli
    from carbonaccount.accounts import room as accounts
    from carbonaccount.institutions import cli as institutions_cli
    from carbonaccount.institutions import demo as institutions_demo
    from carbonaccount.institutions import views as institution_views
    from carbonaccount.ledger import jobs as ledger_jobs  # noqa: F401 - it registers itself
    from rewards import demo_all
    from rewards import views as rewards_views

    accounts.init_app(app, app.extensions["carbonaccount.settings"])
    cli.register(app)
    document.init_app(app)
    sources_cli.register(app)
    demo_cli.register(app)
    behaviors_cli.register(app)
    behaviors_views.init_app(app)
    rewards_views.init_app(app)
    institution_views.init_app(app)
    institutions_cli.register(app)
    app.extensions["carbonaccount.load_demo_rewards"] = partial(
        demo_all.load,
        vault=app.extensions["carbonaccount.vault"],
        instance_path=app.extensions["carbonaccount.settings"].instance_path.resolve(),
    )
    app.extensions["carbonaccount.load_demo_institutions"] = partial(
        institutions_demo.load, vault=app.extensions["carbonaccount.vault"]
    )
    admin_views.init_app(app)


def load_reference_data(session: Session) -> dict[str, int]:
    """Load districts, methods, and the city's first decisions; loading again changes nothing.

    Returns how many of each were added. The caller commits.
    """
    from behaviors.library import load_library_into
    from carbonaccount.accounts.districts import load_districts
    from carbonaccount.policy.library import load_policy

    now = utc_now()
    return {
        "districts": load_districts(session),
        **load_library_into(session, now=now),
        **load_policy(session, now=now),
    }
