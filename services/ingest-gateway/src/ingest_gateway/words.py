"""What a code means, in plain words, with the source's name."""

from __future__ import annotations

from ingest_gateway.manifests import Manifests
from ingest_gateway.queries.uploads import SOURCE_APP
from pipeline_runtime.failures import CATALOGUE

_SENTENCES = {
    "access_denied": "You did not allow the access at {name}. Try again if that was a mistake.",
    "provider_unavailable": "{name} does not answer at the moment. Try again in some minutes.",
    "provider_refused": "{name} refused the connection. Try again; if it fails again, tell your administrator.",
    "expired": "Connecting {name} took too long. Try again.",
    "attempt_expired": "Connecting {name} took too long. Try again.",
    "attempt_used": "This way back from {name} was used already. See whether the account is there.",
    "unknown_attempt": "Nobody here asked {name} for this. Connect it from the Import page.",
    "other_browser": "Connecting {name} was begun in another browser, or by another user. Begin it here.",
    "source_not_running": "The connector of {name} is not running. Try again in some minutes.",
    "reconnect_needed": "{name} asks you to sign in again.",
    "consent_withdrawn": "The access was withdrawn at {name}. Connect it again.",
    "credentials_refused": "{name} did not accept the sign-in or the key. Try again.",
    "source_unavailable": "{name} does not answer at the moment. Try again in some minutes.",
    "source_unreadable": "{name} answered something that cannot be read. Tell your administrator.",
    "unreadable_secret": "What {name} sent back could not be opened. Try again.",
    "not_configured": "Signing in at {name} is not set up here. Ask your administrator.",
    "provider_not_told": "{name} could not be told that it was disconnected: remove the access there, too.",
}
_UNKNOWN = "{name} cannot be used at the moment. Try again; if it fails again, tell your administrator."


def sentence(code: str | None, name: str) -> str | None:
    """None where there is no code."""
    if code is None:
        return None
    if code in _SENTENCES:
        return _SENTENCES[code].format(name=name)
    if problem := CATALOGUE.get(code):
        return problem.sentence
    return _UNKNOWN.format(name=name)


def source_name(source: str, manifests: Manifests) -> str:
    """What people call a source, also one whose connector is not known here any more."""
    if source == SOURCE_APP:
        return "Files"
    manifest = manifests.find(source)
    return manifest.name if manifest else source.replace("_", " ").capitalize()
