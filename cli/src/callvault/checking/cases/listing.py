"""Listing: pages, edges, what comes in meanwhile, what cannot be read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from callvault.checking.accounts import Fault
from callvault.checking.case import Trial, case, require
from callvault.checking.cases.steps import again, connected, has_once

_PAGES = 24
_JUNK: tuple[Any, ...] = (None, "what", 7, {}, [])


@case(
    "paging", "Every page of a long listing is read", "accounts",
    advice="`pages` must yield a Page for each page, with the next cursor as its mark, until there is none.",
)  # fmt: skip
async def _paging(trial: Trial) -> None:
    async with connected(trial, _PAGES, apart=timedelta(days=1, hours=5)) as visitor:
        require(visitor.account.asked("list") > 1, "only one page was asked for; let tests/provider.py page")
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "content", "Each call has its own title, its time, and all its words", "accounts",
    advice="Look at what makes the Item (title, started_at) and at the segments of the Record.",
)  # fmt: skip
async def _content(trial: Trial) -> None:
    async with connected(trial, 2) as visitor:
        by_id = {trial.stand_in.provider.id(call): call for call in visitor.account.calls}
        for row in await visitor.library():
            call, found = by_id[row["external_id"]], await visitor.recording(row["id"])
            require(found["title"] == call.title, f"the title is {found['title']!r}, not {call.title!r}")
            began = datetime.fromisoformat(found["recording_start_time"])
            require(
                abs(began - call.started_at) < timedelta(seconds=2), f"it began {call.started_at}, not {began}"
            )
            lost = [line.text for line in call.lines if line.text not in found["full_transcript"]]
            require(not lost, f"{len(lost)} of {len(call.lines)} lines are not in the transcript")


@case(
    "nothing-new", "A second sync over an unchanged account fetches nothing", "accounts",
    advice="The Item's external_id must be the same each time: take the provider's own id.",
)  # fmt: skip
async def _nothing_new(trial: Trial) -> None:
    async with connected(trial, 5) as visitor:
        fetched = visitor.account.asked("item")
        job = await visitor.sync()
        require(job["found"] == 0, f"it found {job['found']} new calls where there are none")
        require(visitor.account.asked("item") == fetched, "calls were fetched again")


@case(
    "edge", "Calls on the very edge of the last sync are neither lost nor doubled", "accounts",
    advice="Ask for all from window.start on, with its whole time and zone, and filter nothing out yourself.",
)  # fmt: skip
async def _edge(trial: Trial) -> None:
    async with connected(trial) as visitor:
        moment = datetime.fromisoformat((await visitor.jobs("connect"))[0]["created_at"])
        for offset in (0, -1, -3600):
            visitor.account.add_at(moment + timedelta(seconds=offset), timedelta(seconds=1))
        await again(visitor)
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "mid-crawl", "A call that comes in between two pages costs no other one", "accounts",
    advice="Rows may come twice: yield them all the same. Never stop at a row that you know.",
)  # fmt: skip
async def _mid_crawl(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.add(_PAGES)
        visitor.account.then.append(("list", lambda: visitor.account.add(1, apart=timedelta(minutes=15))))
        await again(visitor)
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "broken-off", "A listing that breaks off is gone on with", "accounts",
    advice="Begin at window.resume where it is given: it is the mark of the last page that was kept.",
)  # fmt: skip
async def _broken_off(trial: Trial) -> None:
    async with connected(trial) as visitor:
        visitor.account.add(_PAGES)
        visitor.account.faults.append(Fault("list", 503, after=1, times=4))
        await again(visitor)
        await has_once(trial, visitor, visitor.account.calls)


@case(
    "junk", "Rows that nobody can read stop no other, and are not passed over", "accounts",
    advice="Read the rows one by one, as `Page.read` does: what fails goes into Page.unreadable.",
)  # fmt: skip
async def _junk(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        calls = visitor.account.add(6, apart=timedelta(days=1))
        visitor.account.spoilt.add(calls[3].number)
        await visitor.connect()
        _tells_of_it(await visitor.first_sync())
        await has_once(trial, visitor, [call for call in calls if call != calls[3]])
        visitor.account.spoilt.clear()
        visitor.account.add(2)
        visitor.account.junk = list(_JUNK)
        _tells_of_it(await visitor.sync())
        await has_once(trial, visitor, visitor.account.calls)


def _tells_of_it(job: dict[str, Any]) -> None:
    told = job["code"] or "nothing"
    require(told == "source_unreadable", f"the sync says {told} of the rows, not source_unreadable")


@case(
    "deleted", "A call that is gone when it is fetched is skipped, and its neighbours arrive", "accounts",
    advice="Let NotFound pass, or answer Skipped('deleted', ...) for it.",
)  # fmt: skip
async def _deleted(trial: Trial) -> None:
    async with trial.visiting() as visitor:
        calls = visitor.account.add(5, apart=timedelta(days=2))
        gone = calls[3]
        visitor.account.deleted.add(gone.number)
        await visitor.connect()
        job = await visitor.first_sync()
        items = {item["external_id"]: item for item in job["items"]}
        found = items.get(trial.stand_in.provider.id(gone), {"status": "not listed", "code": ""})
        outcome = f"{found['status']} {found['code']}"
        require(outcome == "skipped deleted", f"the call that is gone ended as {outcome}")
        await has_once(trial, visitor, [call for call in calls if call != gone])
