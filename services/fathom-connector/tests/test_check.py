"""All ready-made cases against Fathom's connector: the same as `callvault connector check fathom`."""

from __future__ import annotations

import pytest

from callvault.checking.run import check


@pytest.mark.timeout(400)
async def test_the_connector_passes_every_case() -> None:
    results = await check("fathom-connector")
    assert [f"{one.case}: {one.seen}" for one in results if one.outcome == "failed"] == []
    assert sum(one.outcome == "passed" for one in results) == 34
