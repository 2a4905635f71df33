"""What is kept of a transcript's making in the record's metadata."""

from __future__ import annotations

import pytest

from transcriber.accounts import told
from transcriber.transcript import Dropped, Transcript


def part(model: str = "whisper-1", seconds: float = 300.0, **more: object) -> Transcript:
    return Transcript.model_validate(
        {"text": "Words.", "model": model, "seconds": seconds, "usage": {"seconds": seconds}, **more}
    )


def test_the_cost_is_the_seconds_sent_by_the_price_of_each_model() -> None:
    gone_over = part("gpt-transcribe", 600.0, replaces="whisper-1", language="en")

    found = told("openai", [part(language="en"), gone_over])

    assert found["cost_usd"] == pytest.approx(5 * 0.006 + 10 * 0.0045)
    assert found["models"] == {"whisper-1": 300, "gpt-transcribe": 600}
    assert found["model"] == "gpt-transcribe"
    assert found["model_replaced"] == {"from": "whisper-1", "to": "gpt-transcribe"}
    assert (found["engine"], found["language"], found["seconds_sent"]) == ("openai", "en", 900)
    assert found["usage"] == {"seconds": 900}


def test_nobody_knows_the_price_of_a_server_of_ones_own() -> None:
    assert "cost_usd" not in told("compatible", [part()])
    assert "cost_usd" not in told("openai", [part(), part("gpt-9-transcribe")])
    assert set(told("local", [part("tiny.en")])) == {"engine", "model", "usage", "seconds_sent"}


def test_what_guards_took_out_is_counted_and_kept() -> None:
    dropped = [Dropped(reason="silence", start=n, end=n + 1, text="Thank you.") for n in range(60, 0, -1)]

    found = told("local", [part(dropped=[Dropped(reason="loop", start=0, end=1), *dropped])])["dropped"]

    assert found["counts"] == {"loop": 1, "silence": 60}
    assert len(found["kept"]) == 50
    assert found["kept"][1] == {"reason": "silence", "start": 1, "end": 2, "text": "Thank you."}


def test_usage_is_summed_whatever_the_engine_counts() -> None:
    tokens = part("gpt-4o-transcribe", usage={"input_tokens": 10, "output_tokens": 2})

    assert told("openai", [tokens, tokens])["usage"] == {"input_tokens": 20, "output_tokens": 4}
