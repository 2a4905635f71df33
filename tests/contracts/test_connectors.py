"""A connector stays small, and the README says how small."""

from __future__ import annotations

from tests.support.connector_table import connector_in, folders, table, written

from callvault.checking.description import LINES, count_lines


def test_no_connector_has_more_lines_than_it_may() -> None:
    counts = {folder.name: count_lines(folder) for folder in folders()}
    assert len(counts) >= 3
    assert {name: count for name, count in counts.items() if count > LINES} == {}


def test_a_folder_and_its_manifest_name_the_same_source() -> None:
    for folder in folders():
        source = connector_in(folder).manifest.source
        assert folder.name == f"{source.replace('_', '-')}-connector"


def test_what_the_readme_says_of_a_connector_is_so() -> None:
    """A new folder need not stand there, so that it touches no other file."""
    said, is_so = set(written().splitlines()), set(table().splitlines())
    assert len(said) >= 5
    assert said <= is_so, "run: python -m tests.support.connector_table --write"
