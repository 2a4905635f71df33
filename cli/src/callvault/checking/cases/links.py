"""Links, where a source takes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callvault.checking.accounts import Fault
from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import has_once
from callvault.checking.visitor import Unmet, Visitor

_PATIENCE = "Let the errors of `http` pass, and make what is over in a moment Transient."
_ADVICE = "`links` yields a Page with an Item for each link, and Item.of_link for what leads nowhere."


async def _imported(visitor: Visitor, links: list[str]) -> dict[str, Any]:
    answer = await visitor.http.post("/api/imports/url", json={"links": links})
    if answer.status_code != 202:
        raise Unmet(f"the gateway refused the links: {answer.text[:200]}")
    jobs = answer.json()["jobs"]
    if not jobs:
        raise Unmet("the manifest's link_hosts do not take the link of tests/provider.py")
    return await visitor.ended(jobs[0]["job_id"])


def _link(trial: Trial, visitor: Visitor, number: int) -> str:
    link = trial.stand_in.provider.link
    if link is None:
        raise Unmet("tests/provider.py does not say what a link looks like")
    return link(visitor.account.calls[number])


@case("links", "Links become calls, and one that leads nowhere stops no other", "links", advice=_ADVICE)
async def _links(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(3)
        wanted = [_link(trial, visitor, number) for number in range(3)]
        visitor.account.deleted.add(visitor.account.calls[2].number)
        job = await _imported(visitor, wanted)
        require(job["imported"] == 2, f"{job['imported']} of 2 links became calls")
        require(job["open"] == 0, "the link that leads nowhere did not end")
        await has_once(trial, visitor, visitor.account.calls[:2])


@case("links-again", "The same link twice is one call", "links", advice=_ADVICE)
async def _links_again(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(1)
        for _ in range(2):
            job = await _imported(visitor, [_link(trial, visitor, 0)])
        require(job["imported"] == 0, "the call was imported again")
        require(len(await visitor.library()) == 1, "the library does not hold the call once")


@case("links-content", "Behind a link is the call with its title and all its words", "links",
      advice="Look at what makes the title, and at the segments of the Record.")  # fmt: skip
async def _links_content(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(1)
        job = await _imported(visitor, [_link(trial, visitor, 0)])
        require(job["imported"] == 1, f"the sync ended as {job['status']}: {job['message']}")
        (row,), (call,) = await visitor.library(), visitor.account.calls
        found = await visitor.recording(row["id"])
        require(found["title"] == call.title, f"the title is {found['title']!r}, not {call.title!r}")
        lost = [line.text for line in call.lines if line.text not in found["full_transcript"]]
        require(not lost, f"{len(lost)} of {len(call.lines)} lines are not in the transcript")


@case("links-odd", "A link that the source has nothing behind says so, and stops no other", "links",
      advice=_ADVICE)  # fmt: skip
async def _links_odd(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(1)
        odd = f"https://{trial.manifest.link_hosts[0]}/"
        job = await _imported(visitor, [odd, _link(trial, visitor, 0)])
        require(job["imported"] == 1, f"{job['imported']} of 1 links became calls")
        told = [item["message"] for item in job["items"] if item["status"] in ("failed", "skipped")]
        require(len(told) == 1 and bool(told[0]), f"of {odd} it is not said what became of it")


def _costs_nothing(name: str, sentence: str, fault: Fault) -> None:
    @case(f"links-{name}", sentence, "links", advice=_PATIENCE)
    async def spoilt(trial: Trial) -> None:
        async with trial.visiting() as visitor:
            visitor.account.add(2)
            visitor.account.faults += [replace(fault, kind=kind, fired=[]) for kind in ("public", "item")]
            job = await _imported(visitor, [_link(trial, visitor, number) for number in range(2)])
            require(job["imported"] == 2, f"{job['imported']} of 2 links became calls")
            await has_once(trial, visitor, visitor.account.calls)
            require(any(one.fired for one in visitor.account.faults), "nothing of the links was asked for")


_costs_nothing("5xx", "A provider that stumbles costs no link", Fault("public", 503, after=2, times=2))
_costs_nothing("429", "A 429 costs no link", Fault("public", 429, lambda: {"Retry-After": "1"}, after=2))
