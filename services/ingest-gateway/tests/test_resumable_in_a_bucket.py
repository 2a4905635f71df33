"""Uploads where STORAGE_URL is a bucket: the bytes come to a folder, the whole file goes to the bucket."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.bucket import bucket
from tests.support.gateway import SPEECH, gateway_of, upload
from tests.support.stack import Stack

from ingest_gateway.sweeper import Sweeper

from .tus import decided, id_of, sent


async def test_files_go_to_the_bucket_whichever_way_they_come(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await stack.person()
    spoken, posted = (SPEECH / "budget.mp3").read_bytes(), (SPEECH / "hiring.wav").read_bytes()
    async with bucket(tmp_path) as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        place = {"storage_url": "s3://calls/eu", "upload_folder": tmp_path / "half"}
        async with gateway_of(stack, tmp_path, **place) as gateway:
            client = await gateway.client_of(person)
            where = await sent(client, spoken, filename="budget.mp3")
            told = await decided(client, where)
            assert told["outcome"] == "found"
            assert (await upload(client, "hiring.wav", posted)).status_code == 202
            storage = gateway.app.state.deps.storage
            async with storage.local(f"{person.id}/{id_of(where)}") as path:
                assert path.read_bytes() == spoken
            assert len([key for key, _ in storage.keys()]) == 2  # noqa: SIM118  no dict
            assert [path for path in (tmp_path / "half").rglob("*") if path.is_file()] == []
            assert (await decided(client, await sent(client, spoken)))["outcome"] == "joined"

            monkeypatch.setattr("ingest_gateway.sweeper.OLD_SECONDS", -60.0)
            await Sweeper(storage, gateway.app.state.deps.intake, timedelta(0)).sweep()
            assert len([key for key, _ in storage.keys()]) == 3  # noqa: SIM118  all have open items
