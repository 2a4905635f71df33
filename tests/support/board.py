"""The board and the alerts as they are deployed: their queries, and what a panel makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "import-progress.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
METRIC = re.compile(r"\bcallvault_\w+")


@dataclass(frozen=True)
class Query:
    """An expression, and where it stands: the panel's or the alert's title."""

    place: str
    expression: str

    @property
    def metrics(self) -> set[str]:
        """The series that it reads."""
        return set(METRIC.findall(self.expression))

    def over(self, interval: str) -> str:
        """With Grafana's interval for rates filled in."""
        return self.expression.replace("$__rate_interval", interval)


def board() -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def panel_queries() -> Iterator[Query]:
    """Of every panel, in their order."""
    for panel in board()["panels"]:
        yield from (Query(panel["title"], target["expr"]) for target in panel.get("targets", []))


def alert_queries() -> Iterator[Query]:
    """Of every alert."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from (Query(rule["alert"], rule["expr"]) for rule in group["rules"])
