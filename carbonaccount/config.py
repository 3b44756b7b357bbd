"""Settings: every key typed, read once from the environment, refused when unsafe."""

import hashlib
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from carbonaccount.errors import ConfigurationError

# Known to everybody who reads this file; good enough to try the product, never to run it.
DEMO_SECRET = "demonstration-only-not-a-secret"  # noqa: S105 - it is public on purpose
MINIMUM_SECRET_LENGTH = 32
_DATABASE_URLS = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"


class Profile(StrEnum):
    """What the process is run for; each profile refuses what the next one may not have."""

    DEMO = "demo"
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """All settings, from environment variables of the same name in upper case."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    profile: Profile = Field(Profile.DEVELOPMENT, description="demo, development or production")
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty means SQLite in the instance folder"
    )
    instance_path: Path = Field(
        Path("instance"), description="Folder of the SQLite file, photos and rejected lines"
    )
    secret_key: SecretStr = Field(
        SecretStr(DEMO_SECRET), description="Signs cookies and forms; 32 characters or more"
    )
    data_key: SecretStr = Field(
        SecretStr(DEMO_SECRET),
        description="Encrypts phone numbers and partner secrets and makes their index",
    )
    debug: bool = Field(False, description="Flask's debug mode; refused in production")
    trusted_hosts: str = Field(
        "", description="Comma-separated host names the site answers to; empty means any"
    )
    proxy_hops: int = Field(
        0, ge=0, le=5, description="How many reverse proxies stand before the site"
    )
    cookie_secure: bool = Field(
        False, description="Send cookies over HTTPS only; always on in production"
    )
    log_level: str = Field("INFO", description="Least level that is logged")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics; empty means only from this machine"
    )
    sms_provider: str = Field("console", description="console (demo, development) or aliyun")
    aliyun_access_key_id: str = Field("", description="Aliyun SMS: access key id")
    aliyun_access_key_secret: SecretStr = Field(
        SecretStr(""), description="Aliyun SMS: access key secret"
    )
    aliyun_sms_sign_name: str = Field("", description="Aliyun SMS: approved signature (签名)")
    aliyun_sms_template_code: str = Field("", description="Aliyun SMS: approved template")
    aliyun_sms_endpoint: str = Field(
        "https://dysmsapi.aliyuncs.com", description="Aliyun SMS: address of the service"
    )
    city_name: str = Field("济宁市", description="Name of the city in Chinese")
    city_name_en: str = Field("Jining", description="Name of the city in English")
    government_profile: bool = Field(
        True,
        description="Leave out rankings, streaks and promotion, which 国办函〔2026〕12号 keeps "
        "out of government services as compulsory functions",
    )
    operator_name: str = Field(
        "", description="Who runs the site, as the privacy notice names them"
    )
    privacy_contact: str = Field(
        "", description="Where residents turn to about their personal information"
    )
    upload_max_mib: int = Field(64, ge=1, le=1024, description="Largest file to upload, in MiB")
    intake_batch_rows: int = Field(
        100_000, ge=1, le=1_000_000, description="Lines of a file that make one transaction"
    )
    jobs_in_server: bool = Field(
        False, description="Run the daily jobs inside the web server instead of `flask jobs run`"
    )

    @property
    def resolved_database_url(self) -> str:
        """Return the database URL, the embedded SQLite file when none is set."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{self.instance_path.resolve() / 'carbonaccount.sqlite3'}"

    @property
    def data_key_bytes(self) -> bytes:
        """Return 32 bytes derived from the data key; the text may be of any length."""
        return hashlib.sha256(
            b"carbonaccount data key\x00" + self.data_key.get_secret_value().encode()
        ).digest()

    @property
    def is_demo(self) -> bool:
        """Return whether demonstration helpers (codes on the page) are allowed."""
        return self.profile is Profile.DEMO


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment and refuse unsafe ones.

    Raises ConfigurationError naming every problem at once, so that an operator mends them in
    one go.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError(problems="; ".join(problems)) from None
    problems = list(_problems(settings))
    if problems:
        raise ConfigurationError(problems="; ".join(problems))
    return settings


def _database_problems(text: str) -> list[str]:
    """Say what is wrong with a database URL, without repeating it: it may hold a password."""
    if not text:
        return []
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return [f"DATABASE_URL is no database URL: it must be {_DATABASE_URLS}"]
    if url.drivername == "sqlite":
        in_memory = url.database in (None, "", ":memory:")
        return [f"DATABASE_URL names no file: it must be {_DATABASE_URLS}"] if in_memory else []
    if url.drivername != "postgresql+psycopg":
        return [f"DATABASE_URL names another database or driver: it must be {_DATABASE_URLS}"]
    return []


def _problems(settings: Settings) -> list[str]:
    """List what must not be, given the profile."""
    problems = _database_problems(settings.database_url)
    if settings.sms_provider not in ("console", "aliyun"):
        problems.append("SMS_PROVIDER must be console or aliyun")
    if settings.profile is not Profile.PRODUCTION:
        return problems
    for name in ("secret_key", "data_key"):
        value = getattr(settings, name).get_secret_value()
        if value == DEMO_SECRET or len(value) < MINIMUM_SECRET_LENGTH:
            problems.append(
                f"{name.upper()} must be set to {MINIMUM_SECRET_LENGTH} or more random characters"
            )
    if settings.secret_key == settings.data_key:
        problems.append("SECRET_KEY and DATA_KEY must differ")
    if settings.debug:
        problems.append("DEBUG must be off")
    if not settings.trusted_hosts:
        problems.append("TRUSTED_HOSTS must name the site's host")
    if not (settings.operator_name and settings.privacy_contact):
        problems.append("OPERATOR_NAME and PRIVACY_CONTACT must be set for the privacy notice")
    if settings.sms_provider != "aliyun":
        problems.append("SMS_PROVIDER must be a real gateway: aliyun")
    elif not (
        settings.aliyun_access_key_id
        and settings.aliyun_access_key_secret.get_secret_value()
        and settings.aliyun_sms_sign_name
        and settings.aliyun_sms_template_code
    ):
        problems.append("ALIYUN_* must be set for the SMS gateway")
    return problems
