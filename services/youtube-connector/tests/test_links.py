"""What links stand for."""

from __future__ import annotations

import pytest

from youtube_connector.links import read

ID, LIST = "dQw4w9WgXcQ", "PL590L5WQmH8fJ54F369BLDSqIwcs-TCfs"


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.youtube.com/watch?v={ID}",
        f"http://youtube.com/watch?v={ID}",
        f"https://WWW.YouTube.com/watch?v={ID}",
        f"https://www.youtube.com/watch?feature=share&v={ID}",
        f"https://www.youtube.com/watch?feature=share&amp;v={ID}",
        f"https://www.youtube.com/watch?v={ID}&t=42s",
        f"https://www.youtube.com/watch?v={ID}#t=42",
        f"https://www.youtube.com/watch?v={ID}?t=42",
        f"https://www.youtube.com/watch/?v={ID}",
        f"https://www.youtube.com/watch/{ID}",
        f"https://m.youtube.com/watch?v={ID}",
        f"https://music.youtube.com/watch?v={ID}&si=abc",
        f"https://youtu.be/{ID}",
        f"https://youtu.be/{ID}?si=YT_abc&t=1",
        f"https://youtu.be/{ID}/",
        f"https://www.youtube.com/shorts/{ID}",
        f"https://www.youtube.com/shorts/{ID}?feature=share",
        f"https://www.youtube.com/live/{ID}?si=abc",
        f"https://www.youtube.com/embed/{ID}?start=10",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://www.youtube.com/v/{ID}",
        f"https://www.youtube.com/vi/{ID}",
        f"https://www.youtube.com/e/{ID}",
        f"https://studio.youtube.com/video/{ID}/edit",
        f"https://www.youtube.com/watch?v={ID}&list={LIST}&index=3",
        f"https://www.youtube.com/watch?list={LIST}&v={ID}",
        f"https://youtu.be/{ID}?list={LIST}",
        f"https://www.youtube.com/embed/{ID}?list={LIST}",
    ],
)
def test_a_link_to_a_video_in_any_form_is_that_one_video(link: str) -> None:
    assert read(link) == ("video", ID)


@pytest.mark.parametrize("video", ["___________", "-----------", "0123456789_", "-_aZ09bY18c"])
def test_every_letter_of_an_id_counts(video: str) -> None:
    for link in (f"https://youtu.be/{video}", f"https://www.youtube.com/watch?v={video}"):
        assert read(link) == ("video", video)


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.youtube.com/playlist?list={LIST}",
        f"https://youtube.com/playlist?si=abc&list={LIST}",
        f"https://music.youtube.com/playlist?list={LIST}",
        f"https://m.youtube.com/watch?list={LIST}",
        f"https://www.youtube.com/embed/videoseries?list={LIST}",
    ],
)
def test_a_list_without_a_video_is_a_playlist(link: str) -> None:
    assert read(link) == ("playlist", LIST)


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("https://www.youtube.com/@larkfield", "channel"),
        ("https://www.youtube.com/@larkfield/live", "channel"),
        ("https://www.youtube.com/@larkfield/videos", "channel"),
        ("https://www.youtube.com/channel/UClarkfieldtalks00000000", "channel"),
        ("https://www.youtube.com/c/larkfield", "channel"),
        ("https://www.youtube.com/user/larkfield", "channel"),
        ("https://www.youtube.com/clip/UgkxLarkfieldTalksLarkfieldTalks", "clip"),
        ("https://www.youtube.com/", "no video"),
        ("https://www.youtube.com/feed/subscriptions", "no video"),
        ("https://www.youtube.com/results?search_query=review", "no video"),
        ("https://www.youtube.com/watch?v=short", "no video"),
        (f"https://www.youtube.com/watch?v={ID}X", "no video"),
        ("https://www.youtube.com/watch", "no video"),
        ("https://youtu.be/", "no video"),
        ("https://www.youtube.com/embed/videoseries", "no video"),
    ],
)
def test_what_is_no_video_is_refused_in_plain_words(link: str, word: str) -> None:
    kind, sentence = read(link)
    assert kind == "refusal"
    assert word in sentence
    assert sentence.endswith(".")
