"""A check from its beginning to its end: the stack is started once, and all cases run on it at once."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import httpx

from callvault.checking.case import CASES, NEEDS, Case, Result, Trial
from callvault.checking.cases import confidence
from callvault.checking.description import LINES, connector_folder, count_lines, read_provider
from callvault.checking.stack import CheckStack, check_stack
from callvault.checking.stand_in import StandIn, standing_in
from callvault.checking.visitor import Unmet, Visitor
from callvault.clients import http_client
from callvault.errors import CallvaultError
from callvault.topic_reader import read_topic
from pipeline_contracts import CONNECTOR_MANIFESTS, ConnectorManifest
from pipeline_runtime.settings import KafkaSettings

_MODULES = ("connecting", "listing", "limits", "tokens", "webhooks", "links")
_AT_ONCE = 12
_HEARD_SECONDS = 30.0
_SMALL = f"The connector has at most {LINES} lines in all"
_STARTS = "The connector starts, and says its manifest"
_DESCRIBED = "All that the connector asks is described in tests/provider.py"
Say = Callable[[Result], None]


def all_cases() -> list[Case]:
    """Every ready-made case, in the order of the report."""
    for name in _MODULES:
        import_module(f"callvault.checking.cases.{name}")
    return CASES


async def check(service: str, say: Say = lambda _: None, only: Sequence[str] = ()) -> list[Result]:
    """Check a connector; each result is said as soon as it is known. Raises CallvaultError."""
    folder = connector_folder(service)
    provider = read_provider(folder)
    chosen = _chosen(only)
    results: list[Result] = []

    def keep(result: Result) -> None:
        results.append(result)
        say(result)

    keep(_small(folder))
    async with standing_in(provider) as stand_in:
        source = service.removesuffix("-connector").replace("-", "_")
        shared = secrets.token_urlsafe(24)
        async with check_stack(service, _environment(stand_in, source, shared)) as stack:
            manifest = stack.failure or await _heard(stack, source)
            if isinstance(manifest, str):
                keep(_started(manifest))
                return results
            keep(_started(""))
            trial = _trial(folder, stack, stand_in, manifest, shared)
            await _all(trial, chosen, keep)
            keep(_described(stand_in))
            keep(await _confidence(trial))
    return results


def _chosen(only: Sequence[str]) -> list[Case]:
    """Raises `unknown_case`."""
    cases = all_cases()
    names = [case.name for case in cases]
    if unknown := [name for name in only if name not in names]:
        remedy = f"There are: {', '.join(names)}."
        raise CallvaultError("unknown_case", f"There is no case {unknown[0]}.", remedy)
    return [case for case in cases if not only or case.name in only]


def _environment(stand_in: StandIn, source: str, shared: str) -> dict[str, str]:
    prefix = source.upper()
    return stand_in.environment(source) | {
        f"{prefix}_CLIENT_ID": stand_in.oauth.client_id,
        f"{prefix}_CLIENT_SECRET": stand_in.oauth.client_secret,
        f"{prefix}_WEBHOOK_SECRET": shared,
    }


async def _heard(stack: CheckStack, source: str) -> ConnectorManifest | str:
    """The manifest as it went over Kafka, or what is wrong."""
    settings = KafkaSettings(kafka_bootstrap_servers=stack.kafka)
    other = ""
    try:
        async with asyncio.timeout(_HEARD_SECONDS):
            async for message in read_topic(settings, CONNECTOR_MANIFESTS.name, from_start=True):
                if message.key == source:
                    return ConnectorManifest.model_validate(message.payload)
                other = f"It said the manifest of {message.key!r}. "
    except TimeoutError:
        pass
    return f"{other}No manifest of the source {source!r} was said: the folder's name and `source` must agree."


def _trial(
    folder: Path, stack: CheckStack, stand_in: StandIn, manifest: ConnectorManifest, shared: str
) -> Trial:
    @asynccontextmanager
    async def visiting() -> AsyncIterator[Visitor]:
        headers = {"Origin": stack.gateway}
        async with http_client(stack.gateway, timeout=30, headers=headers) as http:
            visitor = Visitor(manifest, http, stand_in.account(), stand_in, shared)
            await visitor.sign_up()
            await stack.lift_limit(visitor.account.owner.email)
            yield visitor

    return Trial(folder, stack, stand_in, manifest, visiting, (shared,))


async def _all(trial: Trial, cases: Sequence[Case], say: Say) -> None:
    """Some at a time; said in the order of the report."""
    room = asyncio.Semaphore(_AT_ONCE)
    slow_first = sorted(cases, key=lambda case: not case.is_slow)
    running = {case.name: asyncio.create_task(_result(trial, case, room)) for case in slow_first}
    try:
        for case in cases:
            say(await running[case.name])
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def _result(trial: Trial, case: Case, room: asyncio.Semaphore) -> Result:
    if missing := [need for need in case.needs if not trial.has(need)]:
        return case.result("not_applicable", NEEDS[missing[0]])
    async with room:
        begun = time.monotonic()
        try:
            await case.look(trial)
        except Unmet as unmet:
            return case.result("failed", f"{unmet}.", time.monotonic() - begun)
        except (httpx.HTTPError, KeyError, ValueError, IndexError) as error:  # an answer that no case expects
            told = f"the gateway's answer was not as expected: {type(error).__name__} {error}."
            return case.result("failed", told, time.monotonic() - begun)
        return case.result("passed", seconds=time.monotonic() - begun)


def _small(folder: Path) -> Result:
    lines = count_lines(folder)
    if lines <= LINES:
        return Result("small", _SMALL, "passed")
    return Result("small", _SMALL, "failed", f"It has {lines}.", "Leave to the kit what the kit can do.")


def _started(why: str) -> Result:
    if not why:
        return Result("starts", _STARTS, "passed")
    advice = "Mend this first: no other case can run before. `python -m` the package shows the whole error."
    return Result("starts", _STARTS, "failed", why, advice)


def _described(stand_in: StandIn) -> Result:
    if not stand_in.mishaps:
        return Result("described", _DESCRIBED, "passed")
    return Result(
        "described", _DESCRIBED, "failed", f"{stand_in.mishaps[0]}.",
        "Describe it there, as the provider's own pages do, or ask for something else.",
    )  # fmt: skip


async def _confidence(trial: Trial) -> Result:
    try:
        await confidence.confidence(trial)
    except Unmet as unmet:
        return Result("confidence", confidence.SENTENCE, "failed", f"{unmet}.", confidence.ADVICE)
    return Result("confidence", confidence.SENTENCE, "passed")
