"""The connector kit: a source is a few flat functions and a manifest; all else is here.

    from pipeline_runtime.connectors import (
        Account, Budget, Connector, Http, Item, Manifest, NotReady, OAuth2, Page, Record, Window, serve,
    )

    MANIFEST = Manifest(source="fathom", name="Fathom", icon="...", connect=("oauth2", "api_key"),
                        urls={"api": "https://api.fathom.ai/external/v1"}, oauth=OAuth2(...),
                        budgets=(Budget("global", 60, per=60), Budget("heavy", 30, per=60)))

    async def account(http: Http) -> Account: ...                            # who has been connected
    async def pages(http: Http, window: Window) -> AsyncIterator[Page]: ...  # the listing
    async def fetch(http: Http, item: Item) -> Fetched: ...                  # one call, with its words

    CONNECTOR = Connector(MANIFEST, account=account, pages=pages, fetch=fetch)

    if __name__ == "__main__":
        serve(CONNECTOR)

The folder services/<name>-connector is the registration. The kit says the manifest, exchanges codes,
keeps and refreshes tokens, waits and retries, lists with an overlap and admits page by page, fetches
live items before old ones, resolves webhooks, stops what is cancelled, and wipes what is disconnected.

What a function raises decides what becomes of an item. `Transient` is tried again by itself,
`ItemProblem` fails it with its code and sentence (a connector may have `Problem`s of its own), an
answer `NotReady` or `Skipped` ends it without either. `NotFound` from `http` that is not caught means
that the call was deleted. What cannot be validated (pydantic, KeyError, ...) counts as unreadable, and
is tried again; in a listing, `Page.read` catches it row by row and keeps the row's time.
"""

from pipeline_contracts import Challenge, ConnectorOption, Segment, WebhookScheme
from pipeline_runtime.connectors.app import create_app, serve
from pipeline_runtime.connectors.http import Http, NotFound, Params, Refused
from pipeline_runtime.connectors.refreshing import ReconnectNeeded
from pipeline_runtime.connectors.subtitles import read_subtitles
from pipeline_runtime.connectors.values import (
    Account,
    Audio,
    Budget,
    Connector,
    Fetched,
    Item,
    Manifest,
    Notice,
    NotReady,
    OAuth2,
    Page,
    Record,
    RegisteredWebhook,
    Skipped,
    Window,
)
from pipeline_runtime.connectors.vtt import read_vtt
from pipeline_runtime.failures import ItemProblem, Problem, Transient

STANDARD_WEBHOOKS = WebhookScheme(kind="standard_webhooks", per_account=True)
"""Standard Webhooks (Svix), with an address and a secret for each account."""

__all__ = [
    "STANDARD_WEBHOOKS",
    "Account",
    "Audio",
    "Budget",
    "Challenge",
    "Connector",
    "ConnectorOption",
    "Fetched",
    "Http",
    "Item",
    "ItemProblem",
    "Manifest",
    "NotFound",
    "NotReady",
    "Notice",
    "OAuth2",
    "Page",
    "Params",
    "Problem",
    "ReconnectNeeded",
    "Record",
    "Refused",
    "RegisteredWebhook",
    "Segment",
    "Skipped",
    "Transient",
    "WebhookScheme",
    "Window",
    "create_app",
    "read_subtitles",
    "read_vtt",
    "serve",
]
