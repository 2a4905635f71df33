#!/bin/sh
# Writes .env with a random password for each role, for `docker compose`. Never replaces one.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
    echo ".env is there already; passwords are set when the database is made and are not changed here." >&2
    exit 1
fi
umask 077
password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in POSTGRES CALLVAULT_OWNER CALLVAULT_WEB CALLVAULT_INTAKE CALLVAULT_RECORDER \
    CALLVAULT_TRANSCRIBER GRAFANA; do
    echo "${name}_PASSWORD=$(password)"
done > .env.new
mv .env.new .env
echo "Wrote .env. Start with: docker compose up --build"
