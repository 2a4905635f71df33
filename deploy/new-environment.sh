#!/bin/sh
# For `docker compose`: writes into .env what is missing there, a random password for each role and keys for
# what is stored encrypted, and deploy/connectors.yml with a container for each services/*-connector. To be run
# again when a source has come. What stands in .env is never replaced: the database has its passwords, and
# what lies under a lost key is lost.
set -eu
cd "$(dirname "$0")/.."
umask 077
touch .env
if [ -n "$(tail -c 1 .env)" ]; then echo >> .env; fi # whoever edited it may have left the last line open

missing() { ! grep -q "^$1=" .env; }
add() { if missing "$1"; then echo "$1=$2" >> .env; fi; }
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; } # as Fernet wants it

for role in POSTGRES CALLVAULT_OWNER CALLVAULT_WEB CALLVAULT_INTAKE CALLVAULT_RECORDER \
    CALLVAULT_TRANSCRIBER GRAFANA; do
    add "${role}_PASSWORD" "$(password)"
done
for ring in CREDENTIALS_KEYS WEBHOOK_KEYS; do
    add "$ring" "$(key)"
done
add COMPOSE_FILE docker-compose.yml:deploy/connectors.yml

connectors() {
    for main in services/*-connector/src/*/__main__.py; do
        if [ -e "$main" ]; then basename "$(dirname "$(dirname "$(dirname "$main")")")"; fi
    done
}
source_of() { echo "${1%-connector}" | tr '-' '_'; }
upper() { echo "$1" | tr '[:lower:]' '[:upper:]'; }
url() { # of the connector's database, with a role of its own
    echo "postgresql://callvault_connector_$1:\${$(upper "$1")_CONNECTOR_PASSWORD:?run deploy/new-environment.sh}@postgres:5432/callvault"
}

{
    echo "# Made by deploy/new-environment.sh, which makes it again. A container for each services/*-connector."
    echo "services:"
    for service in $(connectors); do
        source=$(source_of "$service")
        name=$(upper "$source")
        add "${name}_CONNECTOR_PASSWORD" "$(password)"
        cat <<YAML
  $service:
    extends: {file: deploy/connector.yml, service: connector}
    build: {context: ., dockerfile: deploy/Dockerfile, args: {SERVICE: $service}}
    image: callvault/$service
    environment:
      ${name}_CONNECTOR_DATABASE_URL: $(url "$source")
YAML
        for setting in CLIENT_ID CLIENT_SECRET WEBHOOK_SECRET API_URL AUTHORIZE_URL TOKEN_URL REVOKE_URL; do
            echo "      ${name}_$setting: \${${name}_$setting:-}"
        done
    done
    if [ -n "$(connectors)" ]; then
        echo "  migrate:"
        echo "    environment:"
        for service in $(connectors); do
            source=$(source_of "$service")
            echo "      $(upper "$source")_CONNECTOR_DATABASE_URL: $(url "$source")"
        done
    else
        echo "  {}"
    fi
} > deploy/connectors.yml.new
mv deploy/connectors.yml.new deploy/connectors.yml
chmod 0644 deploy/connectors.yml # it names passwords and holds none
echo "Wrote .env and deploy/connectors.yml. Start with: docker compose up --build"
