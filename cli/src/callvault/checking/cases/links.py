"""Links, where a source takes them."""

from __future__ import annotations

from callvault.checking.case import Trial, case, require
from callvault.checking.visitor import Unmet, Visitor

_ADVICE = "`links` yields a Page with an Item for each link, and Item.of_link for what leads nowhere."


async def _imported(visitor: Visitor, links: list[str]) -> dict[str, object]:
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


@case("links-again", "The same link twice is one call", "links", advice=_ADVICE)
async def _links_again(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        visitor.account.add(1)
        for _ in range(2):
            job = await _imported(visitor, [_link(trial, visitor, 0)])
        require(job["imported"] == 0, "the call was imported again")
        require(len(await visitor.library()) == 1, "the library does not hold the call once")
