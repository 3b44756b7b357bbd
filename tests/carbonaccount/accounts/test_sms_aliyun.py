"""Aliyun's short message service: the published signature, and a server that checks each call."""

import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from carbonaccount.accounts.sms import (
    AliyunSmsGateway,
    ConsoleSmsGateway,
    canonical_query,
    make_gateway,
    signed_headers,
)
from carbonaccount.clock import utc_now
from carbonaccount.config import Profile, Settings
from carbonaccount.errors import DomainError, Invalid, LimitReached, Unavailable
from carbonaccount.web.logging import configure
from tests.people import ALICE

CODE = "042917"
KEY_ID = "LTAI-invented"
SECRET = "an invented access key secret"
SIGN_NAME = "济宁碳账户"
TEMPLATE = "SMS_154950909"


def test_the_signature_is_the_published_one() -> None:
    """The worked example of Aliyun's page on signature version 3 (document 2593177)."""
    query = canonical_query(
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        }
    )
    headers = signed_headers(
        host="ecs.cn-shanghai.aliyuncs.com",
        operation="RunInstances",
        version="2014-05-26",
        query=query,
        access_key_id="YourAccessKeyId",
        access_key_secret="YourAccessKeySecret",
        moment=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_names_and_values_are_encoded_as_rfc_3986_says() -> None:
    query = canonical_query({"b": "济 a+b*~", "a": '{"code":"1"}'})
    assert query == "a=%7B%22code%22%3A%221%22%7D&b=%E6%B5%8E%20a%2Bb%2A~"


def signature_fault(handler: BaseHTTPRequestHandler, body: bytes) -> str | None:
    """Check a call as Aliyun's page describes, from what arrived; return what is wrong."""
    algorithm, _, rest = handler.headers["Authorization"].partition(" ")
    given = dict(part.split("=", 1) for part in rest.split(","))
    names = given["SignedHeaders"].split(";")
    path, _, query = handler.path.partition("?")
    body_hash = hashlib.sha256(body).hexdigest()
    if names != sorted(names) or "host" not in names:
        return "headers not sorted"
    if any(
        name.startswith("x-acs-") and name not in names for name in map(str.lower, handler.headers)
    ):
        return "a header was not signed"
    if handler.headers["x-acs-content-sha256"] != body_hash:
        return "body hash"
    sent = datetime.strptime(handler.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%S%z")
    if abs((utc_now() - sent).total_seconds()) > 60:
        return "date"
    lines = [handler.command, path, "&".join(sorted(query.split("&")))]
    lines += [f"{name}:{handler.headers[name].strip()}" for name in names]
    lines += ["", given["SignedHeaders"], body_hash]
    request_hash = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    expected = hmac.new(SECRET.encode(), f"{algorithm}\n{request_hash}".encode(), "sha256")
    if given["Credential"] != KEY_ID or algorithm != "ACS3-HMAC-SHA256":
        return "credential"
    return None if given["Signature"] == expected.hexdigest() else "signature"


class Service:
    """A stand-in for Aliyun on this machine: checks the signature, then answers as told."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = json.dumps(
            {"Message": "OK", "RequestId": "F655", "Code": "OK", "BizId": "9006"}
        )
        self.delay_s = 0.0
        self.calls: list[dict[str, str]] = []
        self.nonces: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Answer one call."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = signature_fault(self, body)
                service.calls.append(dict(parse_qsl(urlsplit(self.path).query)))
                service.nonces.append(self.headers["x-acs-signature-nonce"])
                time.sleep(service.delay_s)
                status, text = service.status, service.answer
                if fault is not None:
                    status, text = (
                        400,
                        json.dumps({"Code": "SignatureDoesNotMatch", "Message": fault}),
                    )
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def url(self) -> str:
        """Return the address of the service."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Service":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    """A running service."""
    with Service() as running:
        yield running


def gateway(service: Service, *, secret: str = SECRET, timeout_s: float = 5.0) -> AliyunSmsGateway:
    """Return a gateway that calls the service."""
    return AliyunSmsGateway(
        endpoint=service.url,
        access_key_id=KEY_ID,
        access_key_secret=secret,
        sign_name=SIGN_NAME,
        template_code=TEMPLATE,
        answer_timeout_s=timeout_s,
    )


def test_a_code_is_sent_signed_with_number_template_and_parameter(service: Service) -> None:
    sender = gateway(service)
    sender.send_code(ALICE, CODE)
    sender.send_code(ALICE, CODE)
    assert service.calls[0] == {
        "PhoneNumbers": ALICE,
        "SignName": SIGN_NAME,
        "TemplateCode": TEMPLATE,
        "TemplateParam": '{"code":"042917"}',
    }
    assert len(set(service.nonces)) == 2


def test_a_wrong_secret_is_found_out(service: Service) -> None:
    with pytest.raises(Unavailable) as refused:
        gateway(service, secret="another").send_code(ALICE, CODE)
    assert refused.value.params == {"reason": "SignatureDoesNotMatch", "status": 400}


def answer_with(service: Service, code: str, status: int = 200) -> DomainError:
    """Let the service answer with a code and return what the gateway makes of it."""
    service.status = status
    service.answer = json.dumps({"Message": f"{ALICE} {code}", "RequestId": "1", "Code": code})
    with pytest.raises(DomainError) as refused:
        gateway(service).send_code(ALICE, CODE)
    return refused.value


def test_a_number_the_carrier_does_not_know_is_the_persons_error(service: Service) -> None:
    error = answer_with(service, "isv.MOBILE_NUMBER_ILLEGAL")
    assert isinstance(error, Invalid)
    assert error.code == "phone_refused"


def test_too_many_messages_to_a_number_is_a_limit(service: Service) -> None:
    assert isinstance(answer_with(service, "isv.BUSINESS_LIMIT_CONTROL"), LimitReached)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("isv.AMOUNT_NOT_ENOUGH", 200),
        ("isv.DAY_LIMIT_CONTROL", 200),
        ("InvalidAccessKeyId.NotFound", 404),
        ("ServiceUnavailable", 503),
        ("OK", 500),
    ],
)
def test_everything_else_is_ours_to_mend(service: Service, code: str, status: int) -> None:
    error = answer_with(service, code, status)
    assert isinstance(error, Unavailable)
    assert error.params == {"reason": code, "status": status}
    assert ALICE not in str(error)


@pytest.mark.parametrize("answer", ["", "<html>", "[]", "{}", '{"Code": 5}'])
def test_an_answer_that_is_none_is_not_taken_for_success(service: Service, answer: str) -> None:
    service.answer = answer
    with pytest.raises(Unavailable):
        gateway(service).send_code(ALICE, CODE)


def test_a_slow_service_is_given_up_and_not_asked_again(service: Service) -> None:
    # Far apart, so that a busy machine does not decide which comes first.
    service.delay_s = 20.0
    began = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        gateway(service, timeout_s=0.5).send_code(ALICE, CODE)
    assert time.monotonic() - began < 15
    assert refused.value.params == {"reason": "ReadTimeout"}
    assert len(service.calls) == 1


def test_a_service_that_is_not_there_is_unavailable(service: Service) -> None:
    sender = AliyunSmsGateway(
        endpoint="http://127.0.0.1:1",
        access_key_id=KEY_ID,
        access_key_secret=SECRET,
        sign_name=SIGN_NAME,
        template_code=TEMPLATE,
    )
    with pytest.raises(Unavailable, match="sms_unavailable"):
        sender.send_code(ALICE, CODE)


def test_number_and_code_reach_no_log_and_no_traceback(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    configure("INFO")  # as every process of the product does when it starts
    caplog.set_level(logging.INFO)
    gateway(service).send_code(ALICE, CODE)
    service.delay_s = 20.0
    with pytest.raises(Unavailable) as refused:
        gateway(service, timeout_s=0.1).send_code(ALICE, CODE)
    assert refused.value.__suppress_context__
    assert ALICE not in caplog.text + str(refused.value)
    assert CODE not in caplog.text + str(refused.value)


def test_the_console_sender_writes_the_code_without_the_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ConsoleSmsGateway(shows_code_on_page=False).send_code(ALICE, CODE)
    shown = capsys.readouterr()
    assert CODE in shown.err
    assert ALICE not in shown.err + shown.out


@pytest.mark.parametrize(
    ("profile", "provider", "shows"),
    [
        (Profile.DEMO, "console", True),
        (Profile.DEMO, "aliyun", False),
        (Profile.DEVELOPMENT, "console", False),
        (Profile.DEVELOPMENT, "aliyun", False),
        (Profile.PRODUCTION, "aliyun", False),
    ],
)
def test_only_the_demonstration_shows_codes(profile: Profile, provider: str, shows: bool) -> None:
    made = make_gateway(Settings(profile=profile, sms_provider=provider))
    assert made.shows_code_on_page is shows
