"""What must never be told. Looked at after all other cases."""

from __future__ import annotations

from callvault.checking.accounts import SPOKEN
from callvault.checking.case import Trial, require

SENTENCE = "No secret stands in a log or in an address, and no spoken word in a log"
ADVICE = "Log ids and codes alone; secrets go into headers, by the kit."


async def confidence(trial: Trial) -> None:
    """Raises Unmet with the log's name, never with the secret."""
    secrets = {*trial.stand_in.oauth.issued, trial.stand_in.oauth.client_secret, *trial.secrets}
    secrets |= {account.owner.webhook_secret for account in trial.stand_in.accounts}
    for name, text in trial.stack.logs().items():
        require(not any(secret in text for secret in secrets), f"a secret stands in {name}")
        require(SPOKEN not in text, f"what was said in a call stands in {name}")
    told = [address for address in trial.stand_in.addresses if any(secret in address for secret in secrets)]
    require(not told, "a secret stands in an address that was asked")
