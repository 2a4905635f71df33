"""The transcriber's SQL, and the conditions that its workers claim by."""

from __future__ import annotations

from sqlalchemy import text

TURN = """(SELECT max(p.taken_at) FROM transcript_plans p WHERE p.owner_user_id = t.owner_user_id)"""
"""For `tasks.Worker`: of owners with as many parts under way, the one who has waited longest."""
IS_CUT = "EXISTS (SELECT FROM transcript_plans p WHERE p.item_id = t.item_id AND p.seconds IS NOT NULL)"
"""For `tasks.Worker`: recordings that are in parts."""

BEGIN = text("""
INSERT INTO transcript_plans (item_id, owner_user_id, attempt, ticket)
VALUES (:item, :owner, :attempt, CAST(:ticket AS jsonb))
ON CONFLICT (item_id) DO UPDATE SET attempt = excluded.attempt, ticket = excluded.ticket, taken_at = now(),
    has_strays = true
""")
LOCK = text("""
SELECT item_id, owner_user_id, attempt, ticket, seconds, version FROM transcript_plans
WHERE item_id = :item FOR UPDATE
""")
CUT = text("""
UPDATE transcript_plans SET seconds = :seconds, has_strays = false WHERE item_id = :item
""")
OLD = text("DELETE FROM transcript_parts WHERE item_id = :item RETURNING sha256, result")
LAST = text("SELECT coalesce(max(part), -1) FROM transcript_parts WHERE item_id = :item")
ADD = text("""
INSERT INTO transcript_parts (item_id, part, object_key, sha256, spans, start_s, seconds, speech_s, result)
VALUES (:item, :part, :key, :sha256, CAST(:spans AS jsonb), :start, :seconds, :speech, CAST(:result AS jsonb))
""")
DROP = text("DELETE FROM transcript_parts WHERE item_id = :item AND part = :part")
PARTS = text("""
SELECT part, object_key, sha256, spans, start_s, seconds, speech_s, result, code, message, retryable,
    doubted, language
FROM transcript_parts WHERE item_id = :item ORDER BY start_s, part
""")
FIRST = text("""
SELECT part, object_key, sha256, spans, start_s, seconds, speech_s, result, code, message, retryable,
    doubted, language
FROM transcript_parts WHERE item_id = :item ORDER BY start_s, part LIMIT 1
""")
ONE = text("""
SELECT part, object_key, sha256, spans, start_s, seconds, speech_s, result, code, message, retryable,
    doubted, language
FROM transcript_parts WHERE item_id = :item AND part = :part
""")
TAKE = text("""
UPDATE transcript_plans SET taken_at = now() WHERE item_id = :item
RETURNING ticket, (SELECT count(*) FROM transcript_parts p WHERE p.item_id = :item) AS parts
""")
HEARD = text("""
UPDATE transcript_parts SET result = CAST(:result AS jsonb), code = NULL, message = NULL, retryable = NULL,
    done_s = seconds
WHERE item_id = :item AND part = :part
""")
MISSING = text("""
UPDATE transcript_parts SET code = :code, message = :message, retryable = :retryable, done_s = seconds
WHERE item_id = :item AND part = :part AND result IS NULL
""")
TAKE_BACK = text("""
UPDATE transcript_plans SET version = version - 1 WHERE item_id = :item AND version = :version AND version > 1
""")
DOUBT = text("""
UPDATE transcript_parts SET doubted = result, result = NULL, language = :language, done_s = 0
WHERE item_id = :item AND part = :part
""")
AGAIN = text("""
UPDATE transcript_parts SET code = NULL, message = NULL, retryable = NULL WHERE item_id = :item AND code IS NOT NULL
""")
ATTEMPT = text("""
UPDATE transcript_plans SET attempt = :attempt, ticket = CAST(:ticket AS jsonb) WHERE item_id = :item
""")
WAKE = text("""
UPDATE tasks SET not_before = now() WHERE item_id = :item AND kind = :kind AND lease_until IS NULL
    AND NOT EXISTS (SELECT FROM transcript_parts p WHERE p.item_id = :item AND p.result IS NULL AND p.code IS NULL)
RETURNING id
""")
PROGRESS = text("""
WITH mine AS (
    UPDATE transcript_parts SET done_s = least(seconds, greatest(done_s, :done)) WHERE item_id = :item AND part = :part
    RETURNING part, done_s
)
SELECT p.seconds AS total, sum(coalesce(m.done_s, q.done_s)) / sum(q.seconds) AS share
FROM transcript_plans p JOIN transcript_parts q USING (item_id) LEFT JOIN mine m USING (part)
WHERE p.item_id = :item GROUP BY p.seconds
""")

# Plans whose parts nobody needs any more.
IS_SPENT = """(i.id IS NULL OR i.status <> 'found' AND NOT EXISTS (SELECT FROM tasks t WHERE t.item_id = p.item_id)
    AND NOT (i.status = 'failed' AND i.retryable AND i.ended_at > now() - CAST(:failed AS interval))
    AND NOT (i.status = 'imported' AND i.ended_at > now() - CAST(:gaps AS interval)
        AND EXISTS (SELECT FROM transcript_parts q WHERE q.item_id = p.item_id AND q.code IS NOT NULL)))"""
FIND = text(f"""
SELECT p.item_id, p.owner_user_id, p.has_strays FROM transcript_plans p
LEFT JOIN sync_job_items i ON i.id = p.item_id WHERE {IS_SPENT} ORDER BY p.item_id LIMIT 1 FOR UPDATE OF p SKIP LOCKED
""")
FORGET = text("UPDATE transcript_plans SET seconds = NULL, has_strays = true WHERE item_id = :item")
FORGET_PARTS = text("DELETE FROM transcript_parts WHERE item_id = :item RETURNING object_key")
DROP_PLAN = text(f"""
DELETE FROM transcript_plans p USING transcript_plans o LEFT JOIN sync_job_items i ON i.id = o.item_id
WHERE o.item_id = p.item_id AND p.item_id = :item AND p.seconds IS NULL AND {IS_SPENT}
""")
