"""The official fathom-python client runs against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fathom_python import Fathom, errors, models
from fathom_python.utils import BackoffStrategy, RetryConfig

from .conftest import Receiver, World

ONCE = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), retry_connection_errors=False)


@pytest.fixture
def fathom(world: World) -> Iterator[Fathom]:
    security = models.Security(api_key_auth="fathom-key-maya")
    with Fathom(security=security, server_url=f"{world.base}/fathom/external/v1") as client:
        yield client


def test_the_client_pages_through_all_meetings_with_all_extras(world: World, fathom: Fathom) -> None:
    page, found = (
        fathom.list_meetings(
            include_transcript=True,
            include_summary=True,
            include_action_items=True,
            include_highlights=True,
            include_crm_matches=True,
        ),
        [],
    )
    while page is not None:
        found += page.result.items
        page = page.next()
    assert len({meeting.recording_id for meeting in found}) == len(found) > 20
    assert all(meeting.transcript and meeting.default_summary and meeting.action_items for meeting in found)
    assert world.count("fathom.meetings") == -(-len(found) // 10)


def test_the_client_filters_and_uses_a_bearer_token(world: World) -> None:
    token = world.connect("fathom")["access_token"]
    with Fathom(
        security=models.Security(bearer_auth=token), server_url=f"{world.base}/fathom/external/v1"
    ) as client:
        page = client.list_meetings(
            recorded_by=["tom@larkfield.example"],
            calendar_invitees_domains=["molinoverde.example", "parcelloop.example"],
        )
        assert page
        assert all(meeting.recorded_by.email == "tom@larkfield.example" for meeting in page.result.items)
        with pytest.raises(errors.FathomError):
            client.list_meetings(include_transcript=True)


def test_the_client_reads_transcript_summary_and_people(fathom: Fathom) -> None:
    first = fathom.list_meetings().result.items[0]
    transcript = fathom.get_recording_transcript(recording_id=first.recording_id).transcript
    assert transcript[0].speaker.display_name
    assert fathom.get_recording_summary(recording_id=first.recording_id).summary.markdown_formatted
    assert [team.name for team in fathom.list_teams().result.items] == ["Product", "Sales"]
    assert len(fathom.list_team_members().result.items) == 3
    assert len(fathom.list_users().result.items) == 3
    assert fathom.list_meeting_types().result.items == []


def test_the_client_makes_and_reads_a_download(fathom: Fathom) -> None:
    first = fathom.list_meetings().result.items[0]
    made = fathom.create_recording_download(recording_id=first.recording_id)
    assert made.status == models.RecordingDownloadStatus.PROCESSING
    done = fathom.get_recording_download(recording_id=first.recording_id, download_id=made.download_id)
    assert done.status == models.RecordingDownloadStatus.COMPLETED
    assert done.audio.content_type == "audio/mp4"


def test_the_client_creates_verifies_and_deletes_a_webhook(
    world: World, fathom: Fathom, receiver: Receiver
) -> None:
    made = fathom.create_webhook(
        destination_url=receiver.url,
        triggered_for=[models.CreateWebhookTriggeredFor.MY_RECORDINGS],
        include_transcript=True,
    )
    world.admin("meetings", source="fathom", webhooks=True)
    headers, body = receiver.wait(1)[0]
    checked = Fathom.verify_webhook(made.secret, headers, body.decode())
    meeting = models.Meeting.model_validate(checked if isinstance(checked, dict) else json.loads(body))
    assert meeting.transcript
    fathom.delete_webhook(id=made.id)
    with pytest.raises(errors.FathomError):
        fathom.delete_webhook(id=made.id)


def test_the_client_waits_after_429_and_raises_500(world: World, fathom: Fathom) -> None:
    world.fault(
        on="fathom.meetings",
        answer={"status": 429, "body": "Too Many Requests", "retry_after": {"kind": "seconds", "seconds": 1}},
    )
    assert fathom.list_meetings().result.items
    assert world.look("calls", endpoint="fathom.meetings")["statuses"] == {
        "fathom.meetings 429": 1,
        "fathom.meetings 200": 1,
    }
    world.fault(on="fathom.meetings", answer="html.502")
    with pytest.raises(errors.FathomError):
        fathom.list_meetings(retries=ONCE)


def test_an_unknown_value_fails_the_whole_page_in_the_strict_client(world: World, fathom: Fathom) -> None:
    world.admin("settings", fathom={"unknown_enum": True})
    with pytest.raises(errors.ResponseValidationError):
        fathom.list_meetings()
