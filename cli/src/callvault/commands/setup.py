"""`callvault setup`: fetch what the embedded stack needs."""

import typer

from callvault.embedded.jars import fetch_jars


def setup() -> None:
    """Fetch and check Kafka's jars (43 MB). A second run only checks them."""
    typer.echo(f"Kafka's jars are in place: {fetch_jars(typer.echo)}")
