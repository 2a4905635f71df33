"""What is embedded, what is outside, and the environment variables that each process is given."""

import os

from callvault.embedded.postgres import DATABASE, OWNER
from callvault.errors import CallvaultError
from callvault.finding import connector_sources, is_connector, source_of
from callvault.home import Home

MIGRATION_URL = "MIGRATION_DATABASE_URL"
ROLE_URLS = {
    "GATEWAY_DATABASE_URL": "callvault_web",
    "INTAKE_DATABASE_URL": "callvault_intake",
    "RECORDER_DATABASE_URL": "callvault_recorder",
    "TRANSCRIBER_DATABASE_URL": "callvault_transcriber",
}
GATEWAY = "ingest-gateway"
_BUCKET_SECRETS = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN", "AWS_SSE_CUSTOMER_KEY_BASE64"}
"""Of those who keep audio or read it, where STORAGE_URL names a bucket."""
# Which secrets a service is given; nobody else sees them. Others get the URL of their own name.
_SECRETS = {
    GATEWAY: {
        "GATEWAY_DATABASE_URL", "INTAKE_DATABASE_URL", "AUTH_JWT_SECRET", "WEBHOOK_KEYS", *_BUCKET_SECRETS
    },
    "recorder": {"RECORDER_DATABASE_URL"},
    "transcriber": {"TRANSCRIBER_DATABASE_URL", "TRANSCRIBER_API_KEY", "OPENAI_API_KEY", *_BUCKET_SECRETS},
}  # fmt: skip
KEY_RINGS = ("CREDENTIALS_KEYS", "WEBHOOK_KEYS")
"""Under the first lie users' credentials, which connectors alone can read; under the other webhook secrets."""
_KEPT_APART = {"AUTH_JWT_SECRET", "TRANSCRIBER_API_KEY", "OPENAI_API_KEY", *KEY_RINGS, *_BUCKET_SECRETS}
_SECRET_ENDINGS = ("_DATABASE_URL", "_CLIENT_SECRET", "_WEBHOOK_SECRET")


def kafka_is_outside() -> bool:
    """Whether a Kafka of the user's own is named."""
    return bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))


def database_is_named() -> bool:
    """Whether the environment gives the URL of any role, be it all of them or not."""
    return any(os.environ.get(name) for name in (MIGRATION_URL, *ROLE_URLS))


def database_is_outside() -> bool:
    """Whether a database of the user's own is named. Raises `database_urls_missing` if only in part."""
    if not database_is_named():
        return False
    missing = [name for name in (*ROLE_URLS, *connector_roles()) if not os.environ.get(name)]
    if missing:
        remedy = "Give all of them, or none for the embedded database."
        raise CallvaultError(
            "database_urls_missing", f"An outside database also needs {', '.join(missing)}.", remedy
        )
    return True


def connector_roles() -> dict[str, str]:
    """The variable of each connector's database URL, and the role that it names."""
    sources = connector_sources()
    return {f"{source.upper()}_CONNECTOR_DATABASE_URL": f"callvault_connector_{source}" for source in sources}


def kafka_environment(home: Home) -> dict[str, str]:
    """Our environment with the broker's address, embedded or not. Raises `not_started`."""
    if kafka_is_outside():
        return dict(os.environ)
    return os.environ | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{_port(home, 'kafka')}"}


def database_environment(home: Home) -> dict[str, str]:
    """Our environment with the URL of every role, embedded or not. Raises `not_started`."""
    if database_is_outside():
        return dict(os.environ)
    place = f"127.0.0.1:{_port(home, 'postgres')}/{DATABASE}"
    roles = {MIGRATION_URL: OWNER} | ROLE_URLS | connector_roles()
    return os.environ | {
        name: f"postgresql://{role}:{home.secret(role)}@{place}" for name, role in roles.items()
    }


def stack_environment(home: Home) -> dict[str, str]:
    """Our environment with all of the stack's addresses filled in, for whoever works beside it.

    Embedded servers' ports come from state.json: raises `not_started` where they have never run.
    """
    environment = kafka_environment(home) | database_environment(home)
    environment["CALLVAULT_HOME"] = str(home.path)
    environment.setdefault("STORAGE_URL", home.folder("storage").as_uri())
    if not environment["STORAGE_URL"].startswith("file:"):  # then half of a file has to lie somewhere, too
        environment.setdefault("UPLOAD_FOLDER", str(home.folder("storage")))
    for name in KEY_RINGS:
        environment.setdefault(name, home.key_ring(name.lower()))
    if address := gateway_url(home):
        environment.setdefault("PUBLIC_URL", address)
    return environment


def gateway_url(home: Home) -> str | None:
    """Where the gateway serves on this machine, as of its last start."""
    port = home.state().get("ports", {}).get(GATEWAY)
    return None if port is None else f"http://127.0.0.1:{port}"


def service_environment(home: Home, service: str, port: int) -> dict[str, str]:
    """The environment of one service: its own secrets and nobody else's, and where it serves."""
    own = _connector_secrets(service) if is_connector(service) else _SECRETS.get(service, _own_url(service))
    environment = {
        name: value
        for name, value in stack_environment(home).items()
        if name in own or not (name.endswith(_SECRET_ENDINGS) or name in _KEPT_APART)
    }
    if service != GATEWAY:
        environment["HTTP_HOST"] = "127.0.0.1"
    environment.setdefault("HTTP_HOST", "127.0.0.1")
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # fewer arenas: tens of MB less for each service
    return environment | {"HTTP_PORT": str(port), "PYTHONUNBUFFERED": "1"}


def _own_url(service: str) -> set[str]:
    return {f"{service.upper().replace('-', '_')}_DATABASE_URL"}


def _connector_secrets(service: str) -> set[str]:
    source = source_of(service).upper()
    own = {f"{source}_CLIENT_SECRET", f"{source}_WEBHOOK_SECRET", *_own_url(service)}
    return {*own, *KEY_RINGS, *_BUCKET_SECRETS}


def _port(home: Home, name: str) -> int:
    port = home.state().get("ports", {}).get(name)
    if port is None:
        raise CallvaultError("not_started", "The stack has never run here.", "Run `callvault up`.")
    return int(port)
