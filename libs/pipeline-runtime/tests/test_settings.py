"""Settings: TLS and SASL reach the clients, and no error shows a password."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import TypeAdapter, ValidationError

from pipeline_runtime.consume import make_broker
from pipeline_runtime.kafka import client_options, ssl_context
from pipeline_runtime.settings import (
    DatabaseSettings,
    DatabaseUrl,
    KafkaSettings,
    driver_url,
    password_of,
    sqlalchemy_url,
)

url_of = TypeAdapter(DatabaseUrl).validate_python
SASL = {"kafka_sasl_username": "ada", "kafka_sasl_password": "sesame"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate that vouches for itself, as authority and as client, and its key."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "tests.pem", folder / "tests.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"kafka_ssl_ca_file": pem, "kafka_ssl_cert_file": pem, "kafka_ssl_key_file": private}


def test_a_plain_connection_has_no_tls_context() -> None:
    for protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
        assert ssl_context(KafkaSettings(kafka_security_protocol=protocol, **SASL)) is None


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_a_tls_context_checks_the_server_against_the_given_authority(
    protocol: str, certificates: dict[str, Path]
) -> None:
    context = ssl_context(KafkaSettings(kafka_security_protocol=protocol, **certificates, **SASL))
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


def test_a_certificate_file_that_is_missing_or_none_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ssl_context(KafkaSettings(kafka_security_protocol="SSL", kafka_ssl_ca_file=tmp_path / "no.pem"))
    (tmp_path / "bad.pem").write_text("not a certificate")
    with pytest.raises(ssl.SSLError):
        ssl_context(KafkaSettings(kafka_security_protocol="SSL", kafka_ssl_ca_file=tmp_path / "bad.pem"))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_sasl_reaches_every_client(protocol: str, mechanism: str) -> None:
    settings = KafkaSettings(
        kafka_bootstrap_servers="one:9092,two:9092",
        kafka_security_protocol=protocol,
        kafka_sasl_mechanism=mechanism,
        **SASL,
    )
    options = client_options(settings)
    expected = {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": protocol,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "ada",
        "sasl_plain_password": "sesame",
    }
    assert {name: options[name] for name in expected} == expected
    assert (options["ssl_context"] is not None) == (protocol == "SASL_SSL")
    await AIOKafkaProducer(**options).stop()  # takes them all, and connects only when it is started

    connection = make_broker(settings, app="tests")._connection_kwargs
    assert {name: connection[name] for name in expected if name != "bootstrap_servers"} == {
        name: value for name, value in expected.items() if name != "bootstrap_servers"
    }
    assert (connection["ssl_context"] is not None) == (protocol == "SASL_SSL")


def test_settings_show_no_password() -> None:
    assert "sesame" not in repr(KafkaSettings(kafka_security_protocol="SASL_SSL", **SASL))


@pytest.mark.parametrize("url", ["postgres://ada:sesame@db/x", "ada:sesame@db", "mysql://ada:sesame@db/x"])
def test_an_error_about_a_url_names_the_setting_and_not_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATION_DATABASE_URL", url)
    with pytest.raises(ValidationError, match="migration_database_url") as caught:
        DatabaseSettings()
    assert "sesame" not in str(caught.value)


def test_a_database_url_is_handed_to_each_library_in_its_own_form() -> None:
    url = url_of("postgresql://ada:it%27s%20100%25%3A%40@db:5433/vault")
    assert driver_url(url) == "postgresql://ada:it%27s%20100%25%3A%40@db:5433/vault"
    assert sqlalchemy_url(url) == "postgresql+asyncpg://ada:it%27s%20100%25%3A%40@db:5433/vault"
    assert password_of(url) == "it's 100%:@"


def test_an_empty_variable_is_one_that_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    monkeypatch.setenv("KAFKA_SSL_CA_FILE", "")
    settings = KafkaSettings()
    assert (settings.kafka_bootstrap_servers, settings.kafka_ssl_ca_file) == ("127.0.0.1:9092", None)


def test_only_the_roles_whose_urls_are_given_are_made() -> None:
    settings = DatabaseSettings(
        migration_database_url="postgresql://callvault_owner@db/x",
        gateway_database_url="postgresql://callvault_web@db/x",
        intake_database_url=None,
        recorder_database_url=None,
        transcriber_database_url=None,
    )
    assert set(settings.service_urls()) == {"callvault_web"}
