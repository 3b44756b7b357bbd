"""Short messages with sign-in codes: the gateway, and its two adapters.

Aliyun is called as its documentation says (Dysmsapi 2017-05-25, operation SendSms, request
signature version 3, ACS3-HMAC-SHA256): https://help.aliyun.com/document_detail/2593177.html and
https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-sendsms.
Neither numbers nor codes reach a log or an error.
"""

import hashlib
import hmac
import json
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, urlsplit

import httpx

from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import Invalid, LimitReached, Unavailable

ALGORITHM = "ACS3-HMAC-SHA256"
API_VERSION = "2017-05-25"
OPERATION = "SendSms"
CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 5.0
_EMPTY_BODY_SHA256 = hashlib.sha256(b"").hexdigest()
_NUMBER_REFUSED = frozenset({"isv.MOBILE_NUMBER_ILLEGAL", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED"})
# What Aliyun answers when a number got too many messages; waiting helps, trying again does not.
_TOO_OFTEN = frozenset({"isv.BUSINESS_LIMIT_CONTROL"})
_TOO_OFTEN_WAIT_S = 3600


class SmsGateway(Protocol):
    """Something that brings a code to a phone."""

    shows_code_on_page: bool

    def send_code(self, phone: str, code: str) -> None:
        """Send a code to a mainland number of 11 digits.

        Raises Unavailable (`sms_unavailable`) when the service does not take it, Invalid
        (`phone_refused`) when the carrier does not know the number, LimitReached when the number
        got too many messages.
        """


class ConsoleSmsGateway:
    """Writes the code to the terminal, for demonstration and development; the number stays out.

    In the demo profile, and nowhere else, the page shows the code as well.
    """

    def __init__(self, *, shows_code_on_page: bool) -> None:
        self.shows_code_on_page = shows_code_on_page

    def send_code(self, phone: str, code: str) -> None:
        """Write the code to standard error, where the one who started the program reads it."""
        sys.stderr.write(f"sign-in code: {code}\n")


class AliyunSmsGateway:
    """Sends through Aliyun's short message service, once: its sending is not idempotent."""

    shows_code_on_page = False

    def __init__(
        self,
        *,
        endpoint: str,
        access_key_id: str,
        access_key_secret: str,
        sign_name: str,
        template_code: str,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._access_key_id = access_key_id
        self._access_key_secret = access_key_secret
        self._sign_name = sign_name
        self._template_code = template_code
        timeout = httpx.Timeout(answer_timeout_s, connect=CONNECT_TIMEOUT_S)
        # Proxies of the environment would see the number.
        self._client = httpx.Client(timeout=timeout, trust_env=False)

    def send_code(self, phone: str, code: str) -> None:
        """Send a code; see SmsGateway."""
        query = canonical_query(
            {
                "PhoneNumbers": phone,
                "SignName": self._sign_name,
                "TemplateCode": self._template_code,
                "TemplateParam": json.dumps({"code": code}, separators=(",", ":")),
            }
        )
        _raise_for_answer(self._call(query))

    def _call(self, query: str) -> httpx.Response:
        headers = signed_headers(
            host=urlsplit(self._endpoint).netloc,
            operation=OPERATION,
            version=API_VERSION,
            query=query,
            access_key_id=self._access_key_id,
            access_key_secret=self._access_key_secret,
            moment=utc_now(),
            nonce=secrets.token_hex(16),
        )
        try:
            return self._client.post(f"{self._endpoint}/?{query}", headers=headers)
        except httpx.HTTPError as error:
            # The error's own text holds the address with number and code; its kind does not.
            raise Unavailable("sms_unavailable", reason=type(error).__name__) from None


def _raise_for_answer(response: httpx.Response) -> None:
    """Raise for every answer but `Code: OK`; Aliyun's message may quote the number, so it goes."""
    code = _answer_code(response)
    if response.status_code == httpx.codes.OK and code == "OK":
        return
    if code in _NUMBER_REFUSED:
        raise Invalid("phone_refused")
    if code in _TOO_OFTEN:
        raise LimitReached("too_many_attempts", retry_after_s=_TOO_OFTEN_WAIT_S)
    raise Unavailable("sms_unavailable", reason=code, status=response.status_code)


def _answer_code(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return "not_json"
    code = answer.get("Code") if isinstance(answer, dict) else None
    return code if isinstance(code, str) and len(code) <= 80 else "no_code"


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return parameters sorted by name and percent-encoded as RFC 3986 says."""
    pairs = sorted(parameters.items())
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs
    )


def signed_headers(
    *,
    host: str,
    operation: str,
    version: str,
    query: str,
    access_key_id: str,
    access_key_secret: str,
    moment: datetime,
    nonce: str,
) -> dict[str, str]:
    """Return the headers of a POST to `/` with this query and no body, signed by version 3."""
    headers = {
        "host": host,
        "x-acs-action": operation,
        "x-acs-content-sha256": _EMPTY_BODY_SHA256,
        "x-acs-date": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical_request = f"POST\n/\n{query}\n{lines}\n{names}\n{_EMPTY_BODY_SHA256}"
    hashed = hashlib.sha256(canonical_request.encode()).hexdigest()
    signature = hmac.new(
        access_key_secret.encode(), f"{ALGORITHM}\n{hashed}".encode(), hashlib.sha256
    ).hexdigest()
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"
    )
    return headers


def make_gateway(settings: Settings) -> SmsGateway:
    """Return the gateway that the settings name."""
    if settings.sms_provider == "console":
        return ConsoleSmsGateway(shows_code_on_page=settings.is_demo)
    return AliyunSmsGateway(
        endpoint=settings.aliyun_sms_endpoint,
        access_key_id=settings.aliyun_access_key_id,
        access_key_secret=settings.aliyun_access_key_secret.get_secret_value(),
        sign_name=settings.aliyun_sms_sign_name,
        template_code=settings.aliyun_sms_template_code,
    )
