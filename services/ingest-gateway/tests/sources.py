"""A source as its connector makes it known, and what lies in its tables; read as the connector reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey, SealedBox
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.stack import Person, Stack

from pipeline_contracts import (
    IMPORT_FETCH,
    SOURCE_CHANGED,
    SOURCE_COMMANDS,
    ConnectorManifest,
    ConnectorOption,
    Envelope,
    FetchRequested,
    Message,
    OAuthOffer,
    SourceChanged,
    Topic,
    WebhookScheme,
    decode,
    encode,
)
from pipeline_runtime.topics import make_topics

WEBHOOK_KEY = Fernet.generate_key()
M = TypeVar("M", bound=Message)


@dataclass
class Source:
    """A connector of the tests' own: a manifest that it says, a key that it opens secrets with."""

    name: str
    stack: Stack
    manifest: ConnectorManifest
    key: PrivateKey = field(repr=False)

    async def say(self, **changes: Any) -> None:
        """Say the manifest (again)."""
        now = datetime.now(UTC)
        self.manifest = self.manifest.model_copy(update={"sent_at": now, **changes})
        envelope = Envelope(type=self.manifest.event_type, source=f"{self.name}-connector")
        await self.stack.publish(encode(self.manifest, key=self.name, envelope=envelope))

    def unseal(self, sealed: bytes) -> dict[str, str]:
        """What was sealed to this connector."""
        return dict(json.loads(SealedBox(self.key).decrypt(sealed)))

    async def account(self, person: Person, *, status: str = "active", **columns: Any) -> UUID:
        """An account as the connector enters it; synced an hour from now."""
        account, values = uuid4(), {"next_sync_at": datetime.now(UTC) + timedelta(hours=1), **columns}
        names = ["id", "user_id", "source_app", "provider_account_id", "email", "status", "is_active", *values]
        marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        await self.stack.owner.execute(
            f"INSERT INTO import_sources ({', '.join(names)}) VALUES ({marks})",
            account, person.id, self.name, account.hex, "ada@work.example", status,
            status in ("active", "error"), *values.values(),
        )  # fmt: skip
        return account

    async def secret(self, secret: str, account: UUID | None = None) -> None:
        """A webhook secret as the connector stores it."""
        await self.stack.owner.execute(
            "INSERT INTO webhook_secrets (id, source_app, account_id, secret) VALUES ($1, $2, $3, $4)",
            uuid4(), self.name, account, Fernet(WEBHOOK_KEY).encrypt(json.dumps({"secret": secret}).encode()),
        )  # fmt: skip

    async def fetches(self) -> list[FetchRequested]:
        """What the connector was asked to fetch so far."""
        return await read(self.stack, IMPORT_FETCH.of_source(self.name), FetchRequested)

    async def commands(self, kind: type[M]) -> list[M]:
        """What the connector was told so far, of one kind."""
        return await read(self.stack, SOURCE_COMMANDS.of_source(self.name), kind)


async def read(stack: Stack, topic: Topic, kind: type[M]) -> list[M]:
    """The messages of one kind on a topic."""
    found = [decode(topic, one.value, one.headers) for one in await stack.messages(topic.name)]
    return [one for one in found if isinstance(one, kind)]


async def changes_of(stack: Stack, account: UUID) -> list[tuple[str, int]]:
    """How an account was told to stand, with versions."""
    told = await read(stack, SOURCE_CHANGED, SourceChanged)
    return [(one.status, one.version) for one in told if one.account_id == account]


async def source_of(gateway: Gateway, **changes: Any) -> Source:
    """A source that the gateway knows: OAuth with PKCE, keys, one option; `changes` go into its manifest."""
    name, key = f"src_{uuid4().hex[:8]}", PrivateKey.generate()
    values: dict[str, Any] = {
        "source": name, "name": "Zoomer", "icon": "video", "connect": ("oauth2", "api_key"),
        "oauth": OAuthOffer(
            authorize_url="https://provider.example/authorize?prompt=consent", client_id="client 1",
            scopes=("read", "list"), pkce=True,
        ),
        "options": (ConnectorOption(name="audio", label="Transcribe sound"),),
        "webhook": WebhookScheme(kind="standard_webhooks", per_account=True),
        "public_key": key.public_key.encode(Base64Encoder).decode(), "version": "1", "sent_at": datetime.now(UTC),
    }  # fmt: skip
    source = Source(name, gateway.stack, ConnectorManifest(**values | changes), key)
    await make_topics(gateway.stack.kafka, (SOURCE_COMMANDS.of_source(name), IMPORT_FETCH.of_source(name)))
    await source.say()
    manifests = gateway.app.state.deps.manifests

    async def is_known() -> bool:
        return manifests.find(name) is not None

    await eventually(is_known)
    return source
