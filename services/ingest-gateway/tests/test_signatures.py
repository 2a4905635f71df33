"""Signatures of webhooks: the right one alone, on the raw bytes, in time; nothing hostile is a surprise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.challenges import answer_challenge
from ingest_gateway.signatures import NotGenuine, verify
from pipeline_contracts import Challenge, WebhookScheme

STANDARD = WebhookScheme(kind="standard_webhooks", per_account=True)
ZOOM = WebhookScheme(
    kind="hmac", signature_header="X-Zm-Signature", prefix="v0=", timestamp_header="x-zm-request-timestamp",
    template="v0:{timestamp}:{body}",
    challenge=Challenge(
        event_path="event", event_value="endpoint.url_validation", token_path="payload.plainToken",
        plain_field="plainToken", hashed_field="encryptedToken",
    ),
)  # fmt: skip
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
TOKEN = "the app's secret token"
BODY = b'{"object": "M\xc3\xb6nch",  "n": 1.0}'


def standard_headers(body: bytes = BODY, *, at: float = 0, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(time.time() + at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"msg_1.{timestamp}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature}


def zoom_headers(body: bytes = BODY, *, at: float = 0, scale: int = 1, secret: str = TOKEN) -> dict[str, str]:
    timestamp = str(int((time.time() + at) * scale))
    signature = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"x-zm-signature": f"v0={signature}", "x-zm-request-timestamp": timestamp}


def test_a_right_signature_is_taken_and_names_the_delivery() -> None:
    assert verify(STANDARD, [SECRET], BODY, standard_headers()).delivery == "msg_1"
    headers = zoom_headers()
    first, second = verify(ZOOM, [TOKEN], BODY, headers), verify(ZOOM, [TOKEN], BODY, headers)
    assert first.delivery == second.delivery
    assert verify(ZOOM, [TOKEN], BODY, zoom_headers(at=-60)).delivery != first.delivery


def test_times_may_be_in_milliseconds() -> None:
    assert verify(ZOOM, [TOKEN], BODY, zoom_headers(scale=1000))


def test_any_of_several_secrets_and_of_several_signatures_is_enough() -> None:
    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    headers = standard_headers()
    headers["webhook-signature"] = (
        f"v1,xxx v2,abc {standard_headers(secret=other)['webhook-signature']} " + (headers["webhook-signature"])
    )
    assert verify(STANDARD, [other + "A", SECRET], BODY, headers).secret == SECRET
    assert verify(ZOOM, ["old", TOKEN], BODY, zoom_headers()).secret == TOKEN


@pytest.mark.parametrize("make", [standard_headers, zoom_headers])
@pytest.mark.parametrize("at", [-310, 310])
def test_a_stale_delivery_is_refused_though_its_signature_is_right(
    make: Callable[..., dict[str, str]], at: int
) -> None:
    scheme, secret = (STANDARD, SECRET) if make is standard_headers else (ZOOM, TOKEN)
    with pytest.raises(NotGenuine, match="stale"):
        verify(scheme, [secret], BODY, make(at=at))


def test_a_body_that_was_written_anew_is_refused() -> None:
    for scheme, secret, headers in ((STANDARD, SECRET, standard_headers()), (ZOOM, TOKEN, zoom_headers())):
        with pytest.raises(NotGenuine, match="wrong_signature"):
            verify(scheme, [secret], BODY.replace(b"  ", b" "), headers)


WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            "v1,",
            "v1,xxx",
            "v1,é",
            "v0=",
            "v0=zz",
            "v0=" + "é" * 64,
            "v1,a,b",
            "nan",
            "1e9",
            "-1",
            "9" * 40,
            "v1",
        ]
    ),
)


@given(signature=WORDS, timestamp=WORDS, ident=WORDS, body=st.binary(max_size=50))
def test_whatever_a_hostile_sender_writes_is_refused_and_nothing_else(
    signature: str, timestamp: str, ident: str, body: bytes
) -> None:
    now = str(int(time.time()))
    for when in (timestamp, now):
        standard = {"webhook-id": ident, "webhook-timestamp": when, "webhook-signature": signature}
        zoom = {"x-zm-signature": signature, "x-zm-request-timestamp": when}
        for scheme, secret, headers in ((STANDARD, SECRET, standard), (ZOOM, TOKEN, zoom)):
            with pytest.raises(NotGenuine):
                verify(scheme, [secret], body, headers)
    headers = standard_headers()
    with pytest.raises(NotGenuine):
        verify(STANDARD, [SECRET], b"\xff\xfe", headers | {"webhook-id": "x"})


def test_a_challenge_is_answered_with_the_tokens_hash_and_other_bodies_are_none() -> None:
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}'
    answer = answer_challenge(ZOOM.challenge, TOKEN, body)
    assert answer == {
        "plainToken": "abc",
        "encryptedToken": hmac.new(TOKEN.encode(), b"abc", hashlib.sha256).hexdigest(),
    }
    for other in (
        b"",
        b"[]",
        b'{"event": 1}',
        b'{"event":"endpoint.url_validation","payload":7}',
        b"\xff",
        b"[" * 9999,
    ):
        assert answer_challenge(ZOOM.challenge, TOKEN, other) is None
    assert answer_challenge(None, TOKEN, body) is None
