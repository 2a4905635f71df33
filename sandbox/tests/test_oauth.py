"""Consent, codes, tokens. `3` is of Fathom's behaviours, `10` of Zoom's."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import REDIRECT, World

BOTH = pytest.mark.parametrize("provider", ["fathom", "zoom"])
LIST = {"fathom": "/fathom/external/v1/meetings", "zoom": "/zoom/v2/users/me/recordings"}
PAGE = {"fathom": "/fathom/external/v1/oauth2/authorize", "zoom": "/zoom/oauth/authorize"}
ASKED = {"client_id": "sandbox-client", "redirect_uri": REDIRECT, "response_type": "code", "state": "a b&c"}


def use(world: World, provider: str, token: str) -> int:
    return world.get(LIST[provider], headers={"authorization": f"Bearer {token}"}).status_code


@BOTH
def test_the_consent_page_shows_users_and_two_buttons_and_takes_either(world: World, provider: str) -> None:
    page = world.get(PAGE[provider], params=ASKED)
    assert page.status_code == 200
    assert 'id="accept"' in page.text
    assert 'id="deny"' in page.text
    assert "Maya Okafor" in page.text
    said = world.post(PAGE[provider], data={**ASKED, "decision": "accept", "user": "tom"})
    query = parse_qs(urlsplit(said.headers["location"]).query)
    assert (said.status_code, query["state"]) == (302, ["a b&c"])
    assert query["code"]
    said = world.post(PAGE[provider], data={**ASKED, "decision": "deny", "user": "tom"})
    assert "error=access_denied" in said.headers["location"]


@BOTH
def test_a_setting_answers_the_consent_page_by_itself(world: World, provider: str) -> None:
    world.admin("settings", **{provider: {"consent": {"answer": "accept", "user": "ines"}}})
    said = world.get(PAGE[provider], params=ASKED)
    code = parse_qs(urlsplit(said.headers["location"]).query)["code"][0]
    answer = world.token(provider, grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
    assert use(world, provider, answer.json()["access_token"]) == 200
    assert world.look("calls", user="ines")["calls"]


@BOTH
def test_an_unknown_client_or_redirect_is_shown_to_the_user_and_not_redirected(
    world: World, provider: str
) -> None:
    assert world.get(PAGE[provider], params={**ASKED, "client_id": "nobody"}).status_code == 400
    world.admin(
        "apps", provider=provider, client_id="one", client_secret="x", redirect_uris=["http://127.0.0.1/a"]
    )
    assert world.get(PAGE[provider], params={**ASKED, "client_id": "one"}).status_code == 400
    asked = {**ASKED, "client_id": "one", "redirect_uri": "http://127.0.0.1/a"}
    assert world.get(PAGE[provider], params=asked).status_code == 200


@BOTH
def test_a_code_is_taken_once_within_five_minutes(world: World, provider: str) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    code = world.authorize(provider)
    assert world.token(provider, **form, code=code).status_code == 200
    assert world.token(provider, **form, code=code).status_code == 400
    late = world.authorize(provider)
    world.admin("clock", advance=301)
    answer = world.token(provider, **form, code=late)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


@BOTH
@pytest.mark.parametrize("method", ["S256", "plain"])
def test_pkce_is_checked_where_a_challenge_was_given(world: World, provider: str, method: str) -> None:
    verifier = "v" * 43
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    challenge = {"code_challenge": digest if method == "S256" else verifier, "code_challenge_method": method}
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    code = world.authorize(provider, **challenge)
    assert world.token(provider, **form, code=code).status_code == 400
    assert world.token(provider, **form, code=code, code_verifier="w" * 43).status_code == 400
    assert world.token(provider, **form, code=code, code_verifier=verifier).status_code == 200


@BOTH
def test_3_and_10_refresh_tokens_rotate_and_the_second_use_fails(world: World, provider: str) -> None:
    old = world.connect(provider)["refresh_token"]
    new = world.token(provider, grant_type="refresh_token", refresh_token=old)
    again = world.token(provider, grant_type="refresh_token", refresh_token=old)
    assert (new.status_code, again.status_code) == (200, 400)
    assert again.json()["error"] == "invalid_grant"
    assert world.token(
        provider, grant_type="refresh_token", refresh_token=new.json()["refresh_token"]
    ).is_success


@BOTH
def test_3_and_10_of_two_refreshes_at_the_same_moment_one_loses(world: World, provider: str) -> None:
    old = world.connect(provider)["refresh_token"]
    world.fault(on=f"{provider}.token", times=2, delay=0.3)  # so that both are there before either is answered
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(world.token, provider, grant_type="refresh_token", refresh_token=old)
            for _ in range(2)
        ]
    won, lost = sorted((each.result() for each in asked), key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 400)
    assert lost.json()["error"] == "invalid_grant"
    assert use(world, provider, won.json()["access_token"]) == 200
    assert world.look("state")["tokens"][provider] == {
        "access": 2,
        "refresh": 1,
    }  # the first pair's, the second


@BOTH
def test_3_and_10_a_refresh_whose_answer_is_cut_off_has_rotated_the_token_all_the_same(
    world: World, provider: str
) -> None:
    import httpx

    old = world.connect(provider)["refresh_token"]
    world.fault(on=f"{provider}.token", cut="after_commit")
    with pytest.raises(httpx.TransportError):
        world.token(provider, grant_type="refresh_token", refresh_token=old)
    assert world.token(provider, grant_type="refresh_token", refresh_token=old).status_code == 400
    world.admin("settings", **{provider: {"refresh_grace": 60}})
    assert world.token(provider, grant_type="refresh_token", refresh_token=old).status_code == 200


@BOTH
def test_an_access_token_expires_by_the_clock_and_by_an_admin_call(world: World, provider: str) -> None:
    made = world.connect(provider)
    assert made["expires_in"] >= 3599
    world.admin("clock", advance=3601)
    assert use(world, provider, made["access_token"]) == 401
    made = world.token(provider, grant_type="refresh_token", refresh_token=made["refresh_token"]).json()
    assert use(world, provider, made["access_token"]) == 200
    assert world.admin("tokens/expire", provider=provider, user="maya")["expired"] == 2
    assert use(world, provider, made["access_token"]) == 401


@BOTH
def test_a_refresh_token_expires_after_ninety_days(world: World, provider: str) -> None:
    made = world.connect(provider)
    world.admin("clock", advance=91 * 86400)
    assert (
        world.token(provider, grant_type="refresh_token", refresh_token=made["refresh_token"]).status_code
        == 400
    )


def test_both_places_of_fathoms_token_endpoint_answer_and_basic_is_not_taken(world: World) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": world.authorize("fathom")}
    other = "/fathom-video/external/v1/oauth2/token"
    assert world.post(other, data=form, auth=("sandbox-client", "sandbox-secret")).status_code == 401
    body = {**form, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    answer = world.post(other, data=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}


def test_zooms_token_endpoint_wants_basic(world: World) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": world.authorize("zoom")}
    both = {**form, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    assert world.post("/zoom/oauth/token", data=both).status_code == 401
    assert world.token("zoom", **form).status_code == 200


def test_10_authorising_zoom_anew_kills_the_old_tokens_with_4741(world: World) -> None:
    old = world.connect("zoom")
    world.connect("zoom")
    answer = world.get(LIST["zoom"], headers={"authorization": f"Bearer {old['access_token']}"})
    assert (answer.status_code, answer.json()["code"]) == (401, 4741)
    answer = world.token("zoom", grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert (answer.status_code, answer.json()["code"]) == (400, 4741)


def test_authorising_fathom_anew_leaves_the_old_tokens_alone(world: World) -> None:
    old = world.connect("fathom")
    world.connect("fathom")
    assert use(world, "fathom", old["access_token"]) == 200


def test_10_revoking_at_zoom_ends_access_and_refresh(world: World) -> None:
    made = world.connect("zoom")
    answer = world.post(
        "/zoom/oauth/revoke", data={"token": made["access_token"]}, auth=("sandbox-client", "sandbox-secret")
    )
    assert answer.json() == {"status": "success"}
    assert use(world, "zoom", made["access_token"]) == 401
    answer = world.token("zoom", grant_type="refresh_token", refresh_token=made["refresh_token"])
    assert answer.json() == {"reason": "Invalid Token!", "error": "invalid_grant"}


def test_a_server_to_server_token_has_no_refresh_and_kills_the_one_before(world: World) -> None:
    account = world.look("state")["users"]["maya"]["zoom_account"]
    first = world.token("zoom", grant_type="account_credentials", account_id=account).json()
    second = world.token("zoom", grant_type="account_credentials", account_id=account).json()
    assert "refresh_token" not in first
    assert [use(world, "zoom", each["access_token"]) for each in (first, second)] == [401, 200]
