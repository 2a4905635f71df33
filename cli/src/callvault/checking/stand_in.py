"""The stand-in: a server that answers as tests/provider.py says, for the accounts of the cases."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from callvault.checking.accounts import Account, Kind, Seen, make_account
from callvault.checking.oauth import OAuth
from callvault.provider import AnsweringAnybody, Asked, AskedByAnybody, Call, Provider

Answer = Callable[[Account, Asked, Call | None], Any]


@dataclass
class StandIn:
    """The provider, as far as cases see it. `mishaps` are what tests/provider.py does not cover."""

    provider: Provider
    address: str
    oauth: OAuth = field(default_factory=OAuth)
    accounts: list[Account] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)

    def account(self) -> Account:
        """A new account."""
        made = make_account()
        self.accounts.append(made)
        self.oauth.keep(made)
        return made

    def environment(self, source: str) -> dict[str, str]:
        """What leads the connector here instead of to its provider."""
        prefix = source.upper()
        urls = {f"{prefix}_{name.upper()}_URL": f"{self.address}/api" for name in self.provider.urls}
        oauth = ("authorize", "token", "revoke")
        return urls | {f"{prefix}_{name.upper()}_URL": f"{self.address}/oauth/{name}" for name in oauth}

    def app(self) -> Starlette:
        """All that it answers to."""
        provider = self.provider
        routes = [
            Route("/oauth/token", self.oauth.token, methods=["POST"]),
            Route("/oauth/revoke", self.oauth.revoke, methods=["POST"]),
            *self._routes("list", {path: _plain(answer) for path, answer in provider.listing.items()}),
            *self._routes("item", {path: _of_call(answer) for path, answer in provider.item.items()}),
            *self._routes("other", {path: _plain(answer) for path, answer in provider.others.items()}),
            *self._routes("open", {path: _of_call(answer) for path, answer in provider.open.items()}),
            *self._public_routes(),
            Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]
        return Starlette(routes=routes)

    def _routes(self, kind: Kind, answers: Mapping[str, Answer]) -> Iterator[Route]:
        for told, answer in answers.items():
            method, _, path = told.partition(" ")
            endpoint = partial(self._answer, kind, answer)
            yield Route(f"/api{path}", _endpoint(endpoint), methods=[method])

    def _public_routes(self) -> Iterator[Route]:
        for told, answer in self.provider.public.items():
            method, _, path = told.partition(" ")
            yield Route(f"/api{path}", _endpoint(partial(self._answer_anybody, answer)), methods=[method])

    async def _answer_anybody(self, answer: AnsweringAnybody, request: Request) -> Response:
        """What goes wrong with an account's calls goes wrong here, too, once it is seen whose call it is."""
        self.addresses.append(str(request.url))
        whose: list[Account] = []

        def call(name: str) -> Call | None:
            found = self._call(name)
            owner = self._owner(found)
            whose.extend([owner] if owner else [])
            return None if owner is None or found is None or found.number in owner.deleted else found

        raw = await request.body()
        query, body = dict(request.query_params), json.loads(raw) if raw else None
        asked = AskedByAnybody(query, body, f"{self.address}/api", call)
        response = self._told(lambda: answer(asked), request)
        for account in whose[:1]:
            response = self._spoilt("public", request, account) or response
            account.note(Seen("public", request.url.path, response.status_code))
        return response

    async def _answer(self, kind: Kind, answer: Answer, request: Request) -> Response:
        self.addresses.append(str(request.url))
        call = self._call(request.path_params.get("id")) if kind in ("item", "open") else None
        account = self._owner(call) if kind == "open" else self._whose(request)
        if account is None:
            return JSONResponse({"error": "unauthorized"}, 401)
        response = await self._judged(kind, answer, request, account, call)
        account.note(Seen(kind, request.url.path, response.status_code))
        return response

    async def _judged(
        self, kind: Kind, answer: Answer, request: Request, account: Account, call: Call | None
    ) -> Response:
        if kind != "open" and not self._is_let_in(account, request):
            return JSONResponse({"error": "unauthorized"}, 401)
        if spoilt := self._spoilt(kind, request, account):
            return spoilt
        if kind in ("item", "open") and (call is None or call.number in account.deleted):
            return JSONResponse(self.provider.gone, 404)
        asked = await self._asked(account, request)
        return self._told(lambda: answer(account, asked, call), request)

    def _spoilt(self, kind: Kind, request: Request, account: Account) -> Response | None:
        fault = account.fault(kind)
        if fault is None:
            return None
        fault.fired.append(Seen(kind, request.url.path, fault.status))
        return JSONResponse({"error": "not now"}, fault.status, headers=dict(fault.headers()))

    def _told(self, answer: Callable[[], Any], request: Request) -> Response:
        try:
            return _response(answer())
        except Exception as error:  # the author's own code: whatever it is, they want to know
            self.mishaps.append(f"{request.method} {request.url.path}: {type(error).__name__}: {error}")
            return JSONResponse({"error": "tests/provider.py failed"}, 500)

    async def _asked(self, account: Account, request: Request) -> Asked:
        raw = await request.body()
        return Asked(
            owner=account.owner,
            query=dict(request.query_params),
            parts={name: str(value) for name, value in request.path_params.items()},
            body=json.loads(raw) if raw else None,
            address=f"{self.address}/api",
            cut=partial(account.cut, self.provider.row),
        )

    def _whose(self, request: Request) -> Account | None:
        """By any header that carries a secret which was ever given out."""
        words = (value.rpartition(" ")[2] for value in request.headers.values())
        return next((self.oauth.issued[word] for word in words if word in self.oauth.issued), None)

    def _is_let_in(self, account: Account, request: Request) -> bool:
        """A code or a refresh token opens nothing."""
        words = {value.rpartition(" ")[2] for value in request.headers.values()}
        is_key = account.api_key in words and not account.is_withdrawn
        return is_key or bool(words & account.access)

    def _call(self, name: str | None) -> Call | None:
        calls = (call for account in self.accounts for call in account.calls)
        return next((call for call in calls if self.provider.id(call) == name), None)

    def _owner(self, call: Call | None) -> Account | None:
        return next((one for one in self.accounts if call and one.owner == call.owner), None)

    async def _unknown(self, request: Request) -> Response:
        self.mishaps.append(f"{request.method} {request.url.path} was asked, and is not described")
        return JSONResponse({"error": "unknown"}, 404)


def _plain(answer: Callable[[Asked], Any]) -> Answer:
    return lambda _account, asked, _call: answer(asked)


def _of_call(answer: Callable[[Asked, Call], Any]) -> Answer:
    def answered(_account: Account, asked: Asked, call: Call | None) -> Any:
        assert call is not None
        return answer(asked, call)

    return answered


def _endpoint(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await answer(request)

    return endpoint


def _response(answer: Any) -> Response:
    return PlainTextResponse(answer) if isinstance(answer, str) else JSONResponse(answer)


class _Server(uvicorn.Server):
    """Leaves the signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


@asynccontextmanager
async def standing_in(provider: Provider) -> AsyncIterator[StandIn]:
    """The stand-in at work, on a port of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        stand_in = StandIn(provider, f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = _Server(uvicorn.Config(stand_in.app(), log_level="error", access_log=False, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield stand_in
        finally:
            server.should_exit = True
            await serving
