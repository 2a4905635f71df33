"""UUIDs in addresses."""

from __future__ import annotations

import pytest

from zoom_connector.connector import encoded


@pytest.mark.parametrize(
    ("uuid", "path"),
    [
        ("4444AAAiAAAAAiAiAiiAii==", "4444AAAiAAAAAiAiAiiAii%3D%3D"),
        ("a+b/c==", "a%2Bb%2Fc%3D%3D"),
        ("/abc==", "%252Fabc%253D%253D"),
        ("a//b==", "a%252F%252Fb%253D%253D"),
        ("//ab==", "%252F%252Fab%253D%253D"),
    ],
)
def test_a_uuid_is_encoded_twice_where_it_begins_with_a_slash_or_holds_two(uuid: str, path: str) -> None:
    assert encoded(uuid) == path
