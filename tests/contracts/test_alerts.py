"""Each alert fires at what it is for, and at nothing else: by Prometheus's own tool for testing rules."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.board import ALERTS, alert_queries
from tests.support.prometheus import DEPLOYED, program

WELL = {'up{job="recorder"}': "1x200"}
ENDED, REQUESTS = "callvault_items_ended_total", "callvault_source_requests_total"
REFRESHES, DELIVERIES = "callvault_token_refreshes_total", "callvault_webhook_deliveries_total"
LAG, PUSHED = "callvault_result_lag_seconds_bucket", "callvault_webhook_to_recording_seconds_bucket"

# Series, each with a sample a minute (from, step, how many more), that make one alert fire within three hours.
FIRES: dict[str, dict[str, str]] = {
    "PartitionHeld": {"callvault_partition_held{topic='t'}": "1x200"},
    "DeadLettersGrowing": {"callvault_dead_letters_total{topic='t',reason='r'}": "_x175 1x25"},
    "OutboxRefused": {"callvault_outbox_failed_total{topic='t'}": "1+1x200"},
    "NoRecorder": {"up{job='recorder'}": "1x10 _x190"},
    "ServiceDown": {"up{job='transcriber'}": "1x10 0x190"},
    "ResultsLate": {LAG + "{le='30'}": "0+1x200", LAG + "{le='60'}": "0+2x200", LAG + "{le='+Inf'}": "0+2x200"},
    "TasksNotTaken": {
        "callvault_tasks_waiting{kind='fetch:s'}": "5x200", "callvault_tasks_taken_total{kind='fetch:s'}": "9x200"
    },
    "ItemsLost": {ENDED + "{source='s',status='failed',code='lost'}": "_x170 1x30"},
    "ImportsFail": {
        ENDED + "{source='s',status='failed',code='c'}": "0+3x200",
        ENDED + "{source='s',status='imported',code=''}": "0+1x200",
    },
    "BugsMet": {
        ENDED + "{source='s',status='failed',code='internal_error'}": "_x170 1x30",
        ENDED + "{source='s',status='imported',code=''}": "0+9x200",
    },
    "CallsOpenForLong": {"callvault_oldest_open_seconds{source='s'}": "50000+60x200"},
    "SourceNotRunning": {"callvault_source_running{source='s'}": "1x10 0x190"},
    "SourceAnswersBadly": {
        REQUESTS + "{source='s',answer='500'}": "0+3x200", REQUESTS + "{source='s',answer='200'}": "0+1x200"
    },
    "SourceSaysTooMuch": {"callvault_source_blocked_total{source='s',why='told'}": "0+1x200"},
    "TokensRefused": {
        REFRESHES + "{source='s',outcome='refused'}": "0+1x200", REFRESHES + "{source='s',outcome='renewed'}": "0+1x200"
    },
    "WebhooksRefused": {DELIVERIES + "{source='s',answer='invalid_signature'}": "0+1x200"},
    "WebhooksNotLookedAt": {"callvault_webhook_oldest_seconds{source='s'}": "0+60x200"},
    "PushedCallsLate": {
        PUSHED + "{source='s',le='300'}": "0+1x200", PUSHED + "{source='s',le='1800'}": "0+2x200",
        PUSHED + "{source='s',le='+Inf'}": "0+2x200",
    },
}  # fmt: skip

# What comes near and is ordinary.
SILENT: dict[str, dict[str, str]] = {
    "some calls fail": {
        ENDED + "{source='s',status='failed',code='no_speech'}": "0+3x200",
        ENDED + "{source='s',status='imported',code=''}": "0+9x200",
    },
    "a few calls fail, and there are no others": {ENDED + "{source='s',status='failed',code='c'}": "0x190 1 2 3"},
    "dead letters of long ago": {"callvault_dead_letters_total{topic='t',reason='r'}": "7x200"},
    "tasks wait for those before them": {
        "callvault_tasks_waiting{kind='transcribe'}": "500x200",
        "callvault_tasks_taken_total{kind='transcribe'}": "0+1x200",
    },
    "a source does not know some calls": {REQUESTS + "{source='s',answer='404'}": "0+9x200"},
    "users take consents back": {
        REFRESHES + "{source='s',outcome='refused'}": "0+1x200", REFRESHES + "{source='s',outcome='renewed'}": "0+50x200"
    },
    "a first sync of many calls": {
        "callvault_source_blocked_total{source='s',why='spent'}": "0+60x200",
        "callvault_oldest_open_seconds{source='s'}": "0+60x200",
    },
    "a restart": {"callvault_source_running{source='s'}": "1x100 0 1x99", "up{job='transcriber'}": "1x100 0 1x99"},
}  # fmt: skip


def unit(series: dict[str, str], alert: str | None) -> dict[str, Any]:
    """A test of promtool's: within the last half hour of three that alert fires and no other; None: none."""
    given = series if alert == "NoRecorder" else WELL | series
    fires = "count by (alertname) (max by (alertname) (max_over_time(ALERTS{alertstate='firing'}[30m])))"
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "promql_expr_test": [{"expr": fires, "eval_time": "3h", "exp_samples": samples}],
    }


def run(folder: Path, units: list[dict[str, Any]]) -> None:
    """Fails with what promtool says: what was expected, and what fired."""
    written = folder / "units.yml"
    written.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "3m", "tests": units})
    )
    told = subprocess.run(
        [program("promtool"), "test", "rules", written], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_prometheus_understands_what_is_deployed() -> None:
    command = [program("promtool"), "check", "config", DEPLOYED / "prometheus.yml"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_has_its_case() -> None:
    assert list(FIRES) == [query.place for query in alert_queries()]


def test_an_alert_fires_at_what_it_is_for_and_no_other_does(tmp_path: Path) -> None:
    run(tmp_path, [unit(series, alert) for alert, series in FIRES.items()])


def test_no_alert_fires_at_what_is_ordinary(tmp_path: Path) -> None:
    run(tmp_path, [unit(series, None) for series in SILENT.values()])


def test_a_case_that_does_not_hold_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="BugsMet"):
        run(tmp_path, [unit(FIRES["BugsMet"], None)])
