#!/bin/sh
# Run by the postgres image at its first start: the role that owns the tables, and its database.
# It may make roles, as `migrate` has to, and is no superuser: row-level security binds it too.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv password CALLVAULT_OWNER_PASSWORD
CREATE ROLE callvault_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE callvault OWNER callvault_owner;
SQL
