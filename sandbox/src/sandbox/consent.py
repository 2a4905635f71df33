"""The page where a user says yes or no, shared by the providers that have one."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.answers import Refused
from sandbox.meetings.people import USERS
from sandbox.oauth import AuthorizationServer, OAuthRefused
from sandbox.settings import Consent

Asked = QueryParams | dict[str, str]
KEPT = ("client_id", "redirect_uri", "state", "response_type", "scope")
PKCE = ("code_challenge", "code_challenge_method")


async def authorize(request: Request, provider: str, server: AuthorizationServer, consent: Consent) -> Response:
    """GET shows the page (or answers by itself), POST takes the button that was pressed."""
    asked: Asked = request.query_params
    if request.method == "POST":
        form: FormData = await request.form()
        asked = {key: str(value) for key, value in form.items()}
    try:
        server.check_redirect(asked.get("client_id") or "", asked.get("redirect_uri") or "")
    except OAuthRefused as refused:
        text = f"<h1>{provider}</h1><p>Invalid {refused.reason}: check the client_id and redirect_uri.</p>"
        raise Refused(400, text, {"content-type": "text/html"}) from None
    if asked.get("response_type") != "code":
        return _back(asked, {"error": "unsupported_response_type"})
    decision = asked.get("decision") or asked.get("sandbox_consent") or consent.answer
    user = asked.get("user") or asked.get("sandbox_user") or consent.user
    if decision == "ask":
        return HTMLResponse(page(provider, asked, user))
    if decision == "deny":
        return _back(asked, {"error": "access_denied"})
    if user not in USERS or provider not in USERS[user].providers:
        raise Refused(400, f"There is no {provider} user {user!r} in the sandbox.")
    method = asked.get("code_challenge_method") or "plain"
    code = server.grant(
        asked.get("client_id") or "", user, asked.get("redirect_uri") or "", asked.get("code_challenge"), method
    )
    return _back(asked, {"code": code})


def _back(asked: Asked, answer: dict[str, str]) -> Response:
    uri, state = asked.get("redirect_uri") or "", asked.get("state")
    query = urlencode({**answer, **({"state": state} if state is not None else {})})
    return RedirectResponse(f"{uri}{'&' if '?' in uri else '?'}{query}", status_code=302)


def page(provider: str, asked: Asked, chosen: str) -> str:
    """The form: who you are, and Allow or Deny."""
    hidden = "".join(
        f'<input type="hidden" name="{key}" value="{escape(asked.get(key) or "")}">'
        for key in (*KEPT, *PKCE)
        if asked.get(key) is not None
    )
    options = "".join(
        f'<option value="{key}"{" selected" if key == chosen else ""}>{escape(user.name)}</option>'
        for key, user in USERS.items()
        if provider in user.providers
    )
    name = provider.capitalize()
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name} (sandbox): allow access?</title>
<style>body{{font:16px/1.5 system-ui;max-width:28rem;margin:4rem auto;padding:0 1rem}}
button,select{{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem 0 0}}</style></head>
<body><h1>{name}</h1>
<p><b>{escape(asked.get("client_id") or "")}</b> wants to read your recordings and their transcripts.</p>
<form method="post">{hidden}
<label>Signed in as <select name="user">{options}</select></label><br>
<button name="decision" value="accept" id="accept">Allow</button>
<button name="decision" value="deny" id="deny">Deny</button>
</form><p><small>A stand-in for tests: it knows nobody's real account.</small></p></body></html>"""
