"""`callvault setup`: fetch what the embedded stack needs."""

import typer

from callvault.embedded.warmup import set_up


def setup() -> None:
    """Fetch and check Kafka's jars (43 MB), and try a first start. A second run only checks them."""
    typer.echo(f"Kafka is in place: {set_up(typer.echo)}")
