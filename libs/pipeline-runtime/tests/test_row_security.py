"""Whose rows a session sees, and what the ledger's two doors answer to somebody else."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from tests.support.database import Connect, MakeEngine, Session
from tests.support.stack import Person, Stack

from pipeline_runtime.database import speaking_for

# Of each table that the web role reads: which rows are a user's.
MINE = {
    "users": "id = $1",
    "api_tokens": "user_id = $1",
    "banks": "personal_of = $1",
    "bank_memberships": "user_id = $1",
    "vaults": "personal_of = $1",
    "sync_jobs": "owner_user_id = $1",
    "sync_job_items": "owner_user_id = $1",
    "import_usage": "owner_user_id = $1",
    "uploads": "owner_user_id = $1",
    "incoming_uploads": "owner_user_id = $1",
    "vocabularies": "user_id = $1",
    "source_switches": "user_id = $1",
    "import_sources": "user_id = $1",
    "connect_attempts": "user_id = $1",
    "webhook_held": "account_id IN (SELECT id FROM import_sources WHERE user_id = $1)",
    "recordings": "owner_user_id = $1",
    "vault_entries": "recording_id IN (SELECT id FROM recordings WHERE owner_user_id = $1)",
}
PUBLIC = {"plans"}


async def furnished(stack: Stack) -> tuple[Person, UUID]:
    """A person with a row in every table that has rows of a user, and their job."""
    person = await stack.person()
    job = await stack.job(person, ["call-1", "call-2"])
    recording = uuid4()
    await stack.owner.execute(
        "INSERT INTO recordings (id, bank_id, owner_user_id, title, full_transcript, source_app, external_id, "
        "source_metadata, recording_start_time, imported_by_item) VALUES "
        "($1, $2, $3, 'A call', 'Words', 'zoom', 'call-9', '{\"external_id\": \"call-9\"}', now(), $4)",
        recording, person.bank, person.id, uuid4(),
    )  # fmt: skip
    await stack.owner.execute("INSERT INTO vault_entries VALUES ($1, $2)", person.vault, recording)
    await stack.owner.execute(
        "INSERT INTO api_tokens (id, user_id, kind, name, token_hash) VALUES ($1, $2, 'personal', 't', $3)",
        uuid4(), person.id, uuid4().bytes,
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO uploads (id, owner_user_id, job_id, object_key, sha256, size, filename, content_type) "
        "VALUES ($1, $2, $3, $4, $5, 1, 'a.mp3', 'audio/mpeg')",
        uuid4(), person.id, job, f"{person.id}/1", "0" * 64,
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO incoming_uploads (id, owner_user_id, size, filename, expires_at) "
        "VALUES ($1, $2, 1, 'a.mp3', now())", uuid4(), person.id,
    )  # fmt: skip
    await stack.owner.execute("INSERT INTO vocabularies (user_id, terms) VALUES ($1, '{Larkfield}')", person.id)
    await stack.owner.execute("INSERT INTO source_switches VALUES ($1, 'file_upload', true)", person.id)
    await connected(stack, person)
    return person, job


async def connected(stack: Stack, person: Person) -> None:
    """An account of a source, the attempt that made it, and a webhook that waits for it."""
    account, delivery = uuid4(), uuid4()
    await stack.owner.execute(
        "INSERT INTO import_sources (id, user_id, source_app, provider_account_id) VALUES ($1, $2, 'zoom', 'z')",
        account, person.id,
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO connect_attempts (id, user_id, source_app, method) VALUES ($1, $2, 'zoom', 'oauth2')",
        uuid4(), person.id,
    )  # fmt: skip
    await stack.owner.execute(
        "INSERT INTO webhook_inbox (id, source_app, delivery_id) VALUES ($1, 'zoom', $2)",
        delivery,
        delivery.hex,
    )
    await stack.owner.execute("INSERT INTO webhook_held VALUES ($1, $2)", delivery, account)


async def speak_for(session: Session, user: UUID | str) -> None:
    await session.execute("SELECT set_config('callvault.user_id', $1, false)", str(user))


async def counted(session: Session) -> dict[str, int]:
    return {table: await session.fetchval(f"SELECT count(*) FROM {table}") for table in MINE}


async def test_web_sees_the_rows_of_the_user_set_and_of_nobody_else(tables: Stack, connect: Connect) -> None:
    people = [(await furnished(tables))[0] for _ in range(2)]
    web = await connect("callvault_web")
    for person in people:
        await speak_for(web, person.id)
        own = {
            table: await tables.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {rule}", person.id)
            for table, rule in MINE.items()
        }
        assert await counted(web) == own
        assert min(own.values()) >= 1  # nothing is hidden from its owner
        assert all(
            [await tables.owner.fetchval(f"SELECT count(*) FROM {table}") > own[table] for table in MINE]
        )


async def test_web_sees_nothing_when_no_user_is_set(tables: Stack, connect: Connect) -> None:
    await furnished(tables)
    web = await connect("callvault_web")
    nothing = dict.fromkeys(MINE, 0)
    assert await counted(web) == nothing
    for nobody in ("", str(uuid4())):
        await speak_for(web, nobody)
        assert await counted(web) == nothing
    await speak_for(web, "' OR true --")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await counted(web)


async def test_every_table_that_web_reads_is_tried_here(tables: Stack) -> None:
    readable = await tables.owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'S' "
        "AND has_any_column_privilege('callvault_web', oid, 'SELECT')"
    )
    assert {row["relname"] for row in readable} == MINE.keys() | PUBLIC


async def test_switching_row_security_off_shows_an_error_and_no_rows(tables: Stack, connect: Connect) -> None:
    await furnished(tables)
    web = await connect("callvault_web")
    await web.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await web.fetch("SELECT id FROM recordings")


async def test_a_user_is_forgotten_with_the_transaction(tables: Stack, engine_of: MakeEngine) -> None:
    ada, _ = await furnished(tables)
    engine = engine_of("callvault_web")
    count = text("SELECT count(*), pg_backend_pid() FROM sync_jobs")
    async with speaking_for(engine, ada.id) as connection:
        seen = (await connection.execute(count)).one()
    async with engine.connect() as connection:
        after = (await connection.execute(count)).one()
    assert (seen[0], after[0]) == (1, 0)
    assert seen[1] == after[1]  # the same connection of the pool


async def test_web_writes_nothing_in_the_name_of_another(tables: Stack, connect: Connect) -> None:
    (ada, _), (eve, job) = await furnished(tables), await furnished(tables)
    web = await connect("callvault_web")
    await speak_for(web, ada.id)
    attempts: list[tuple[str, tuple[object, ...]]] = [
        ("INSERT INTO sync_jobs (id, owner_user_id, source_app, trigger) VALUES ($1, $2, 'zoom', 'manual')",
         (uuid4(), eve.id)),
        ("INSERT INTO api_tokens (id, user_id, kind, name, token_hash) VALUES ($1, $2, 'session', 't', 'x')",
         (uuid4(), eve.id)),
        ("INSERT INTO uploads (id, owner_user_id, job_id, object_key, sha256, size, filename, content_type) "
         "VALUES ($1, $2, $3, 'k', repeat('0', 64), 1, 'a', 'b')", (uuid4(), eve.id, job)),
        ("INSERT INTO outbox (id, service, aggregatetype, aggregateid, type, payload, headers, not_before) "
         "VALUES ($1, 'recorder', 'recording.created', $2, 't', '{}', '{}', now())", (uuid4(), str(eve.id))),
    ]  # fmt: skip
    for statement, values in attempts:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await web.execute(statement, *values)
    assert await web.execute("DELETE FROM api_tokens WHERE user_id = $1", eve.id) == "DELETE 0"
    await speak_for(web, eve.id)
    assert await web.execute("DELETE FROM api_tokens WHERE user_id = $1", eve.id) == "DELETE 1"


async def test_web_cannot_admit_to_or_reopen_the_job_of_another(tables: Stack, connect: Connect) -> None:
    (ada, _), (_, job) = await furnished(tables), await furnished(tables)
    item = await tables.owner.fetchval(
        "UPDATE sync_job_items SET status = 'failed', code = 'no_speech', ended_at = now() "
        "WHERE job_id = $1 AND external_id = 'call-1' RETURNING id", job,
    )  # fmt: skip
    await tables.owner.execute("UPDATE sync_jobs SET failed = 1 WHERE id = $1", job)
    before = await tables.books(job)
    web = await connect("callvault_web")
    for user in ("", str(ada.id)):
        await speak_for(web, user)
        for unknown in (job, uuid4()):  # another's job and none at all look the same
            with pytest.raises(asyncpg.NoDataFoundError, match="no such job"):
                await web.fetch(
                    "SELECT * FROM admit($1, $2)", unknown, json.dumps([{"external_id": "x", "title": "x"}])
                )
        assert await web.fetch("SELECT * FROM reopen($1)", [item]) == []
    assert await tables.books(job) == before


async def test_the_transcriber_sees_tasks_of_its_own_kind_alone(tables: Stack, connect: Connect) -> None:
    _, job = await furnished(tables)
    add = (
        "INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload) "
        "SELECT $1, job_id, id, owner_user_id, 1, '{}' FROM sync_job_items WHERE job_id = $2"
    )
    for kind in ("transcribe", "fetch"):
        await tables.owner.execute(add, kind, job)
    transcriber = await connect("callvault_transcriber")
    assert await transcriber.fetch("SELECT DISTINCT kind FROM tasks") == [("transcribe",)]
    assert await transcriber.execute("UPDATE tasks SET lease_until = now()") == "UPDATE 2"
    assert await transcriber.execute("DELETE FROM tasks WHERE kind = 'fetch'") == "DELETE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await transcriber.execute("UPDATE tasks SET kind = 'fetch'")


async def test_services_see_the_outbox_rows_of_their_own(tables: Stack, connect: Connect) -> None:
    for service in ("ingest-gateway", "recorder"):
        await tables.owner.execute(
            "INSERT INTO outbox (id, service, aggregatetype, aggregateid, type, payload, headers, not_before) "
            "VALUES ($1, $2, 't', 'k', 't', '{}', '{}', now())", uuid4(), service,
        )  # fmt: skip
    for role, service in (("callvault_intake", "ingest-gateway"), ("callvault_recorder", "recorder")):
        session = await connect(role)
        assert await session.fetch("SELECT service FROM outbox") == [(service,)]
        assert await session.execute("DELETE FROM outbox") == "DELETE 1"
    assert await tables.owner.fetchval("SELECT count(*) FROM outbox") == 0


DECOYS = (
    "CREATE TEMP TABLE sync_jobs AS SELECT '{job}'::uuid AS id, '{user}'::uuid AS owner_user_id, 'zoom' AS source_app, "
    "NULL::uuid AS account_id",
    "CREATE TEMP TABLE sync_job_items AS SELECT '{job}'::uuid AS id, '{user}'::uuid AS owner_user_id, 'failed' AS status",
    "CREATE TEMP TABLE users AS SELECT '{job}'::uuid AS job, '{user}'::uuid AS id, 'unlimited' AS plan",
    "CREATE TEMP TABLE plans AS SELECT '{job}'::uuid AS job, '{user}'::uuid AS who, 'free' AS name, 1000 AS monthly_imports",
    "CREATE TEMP TABLE import_usage AS SELECT '{job}'::uuid AS job, '{user}'::uuid AS owner_user_id, 0 AS used",
    "CREATE TEMP TABLE recordings AS SELECT '{job}'::uuid AS id, '{user}'::uuid AS owner_user_id",
)
TRICKS = (
    "CREATE FUNCTION pg_temp.may_act_for(uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION pg_temp.lock_quota(uuid) RETURNS integer LANGUAGE sql AS 'SELECT 1000'",
    "CREATE FUNCTION pg_temp.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT '{user}' $$",
    "SET search_path = pg_temp, public, pg_catalog",
)


async def test_temporary_tables_and_functions_named_like_ours_fool_nobody(
    tables: Stack, connect: Connect
) -> None:
    ada, eve = await tables.person("free"), await tables.person()
    mine, theirs = await tables.job(ada, []), await tables.job(eve, [])
    web = await connect("callvault_web")
    for decoy in DECOYS:
        await web.execute(decoy.format(job=theirs, user=ada.id))
    for trick in TRICKS:
        await web.execute(trick.format(user=eve.id))
    await web.execute("SELECT pg_catalog.set_config('callvault.user_id', $1, false)", str(ada.id))
    page = json.dumps([{"external_id": f"call-{n}", "title": "x"} for n in range(12)])
    with pytest.raises(asyncpg.NoDataFoundError):
        await web.fetch("SELECT * FROM public.admit($1, $2)", theirs, page)
    rows = await web.fetch("SELECT * FROM public.admit($1, $2)", mine, page)
    assert [row["outcome"] for row in rows].count("found") == 10  # the plan's limit, not the decoy's
    assert (await tables.books(mine))["found"] == 12
    assert (await tables.books(theirs))["found"] == 0
    assert await web.fetch("SELECT id FROM public.recordings") == []


SOURCE_ROWS = ("import_sources", "source_credentials", "webhook_inbox", "webhook_held", "sync_jobs")


async def test_a_connector_sees_its_own_source_alone(tables: Stack, connect: Connect) -> None:
    person = await tables.person()
    for source in ("fathom", "zoom"):
        account, delivery, job = uuid4(), uuid4(), uuid4()
        await tables.owner.execute(
            "INSERT INTO import_sources (id, user_id, source_app, provider_account_id) VALUES ($1, $2, $3, 'x')",
            account, person.id, source,
        )  # fmt: skip
        await tables.owner.execute(
            "INSERT INTO source_credentials (account_id, source_app, secret, generation) VALUES ($1, $2, 'x', 0)",
            account, source,
        )  # fmt: skip
        await tables.owner.execute(
            "INSERT INTO webhook_inbox (id, source_app, delivery_id) VALUES ($1, $2, 'd')", delivery, source
        )
        await tables.owner.execute("INSERT INTO webhook_held VALUES ($1, $2)", delivery, account)
        await tables.owner.execute(
            "INSERT INTO sync_jobs (id, owner_user_id, source_app, account_id, trigger) "
            "VALUES ($1, $2, $3, $4, 'manual')", job, person.id, source, account,
        )  # fmt: skip
        await tables.admit(job, [f"{source}-1"])
    fathom = await connect("callvault_connector_fathom")
    for table in SOURCE_ROWS:
        assert await fathom.fetchval(f"SELECT count(*) FROM {table}") == 1, table
    assert [row["external_id"] for row in await fathom.fetch("SELECT * FROM sync_job_items")] == ["fathom-1"]
    zooms = await tables.owner.fetchval("SELECT id FROM sync_jobs WHERE source_app = 'zoom'")
    with pytest.raises(asyncpg.NoDataFoundError, match="no such job"):
        await fathom.fetch("SELECT * FROM admit($1, '[]')", zooms)
    item = await tables.owner.fetchval("SELECT id FROM sync_job_items WHERE source_app = 'zoom'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await fathom.execute(
            "INSERT INTO tasks (kind, job_id, item_id, owner_user_id, attempt, payload) "
            "VALUES ('fetch:zoom', $1, $2, $3, 1, '{}')", zooms, item, person.id,
        )  # fmt: skip
