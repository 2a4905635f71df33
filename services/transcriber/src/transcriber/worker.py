"""The workers of one process: those who cut recordings, those who ask for parts, those who join them.

They are apart, so that hours of decoding hold up nobody's parts, and slow answers nobody's cutting.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pipeline_runtime.tasks import Bell, Worker
from transcriber.asking import Asker
from transcriber.closing import Closer
from transcriber.deps import Deps
from transcriber.lanes import Lane, keep_counting
from transcriber.manifest import PART, WHOLE
from transcriber.planning import Planner
from transcriber.statements import IS_CUT, TURN
from transcriber.sweeping import Sweeper


class Workers:
    """All lanes. `whole` and `parts` are the bells of both kinds of tasks."""

    def __init__(
        self, deps: Deps, whole: Bell, parts: Bell, *, cutting: int, asking: int, lease: timedelta
    ) -> None:
        planners = [
            Worker(deps.database, WHOLE, lease=lease, rule=f"NOT {IS_CUT}", turn=TURN) for _ in range(cutting)
        ]
        askers = [Worker(deps.database, PART, lease=lease, turn=TURN) for _ in range(asking)]
        closers = [Worker(deps.database, WHOLE, lease=lease, rule=IS_CUT)]
        self._lanes = [
            Lane("cutting", Planner(deps), planners, whole),
            Lane("asking", Asker(deps), askers, parts),
            Lane("joining", Closer(deps), closers, whole),
        ]
        self._counted = [planners[0], askers[0]]
        self._sweeper = Sweeper(deps.database, deps.storage)

    async def run(self) -> None:
        """Work until cancelled. Then what is under way is put back, for whoever comes next."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(lane.run())
            group.create_task(keep_counting(self._counted))
            group.create_task(self._sweeper.run())
