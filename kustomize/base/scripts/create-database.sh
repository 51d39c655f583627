#!/bin/bash
# Creates the database of one component, if it is missing, and its role with the Secret's password.
# Environment: libpq's PG*, and either ROLE and ROLE_PASSWORD (PGUSER is the administrator, and the database has the
# role's name) or DATABASE (PGUSER owns it, and no role is created).
set -euo pipefail

limit=300 # seconds: a first start waits while PostgreSQL's image is pulled and its data directory is made
query=(psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --dbname="${PGDATABASE:-postgres}")
# Waiting does not help against these errors of libpq: end at once.
permanent='certificate|authentication|pg_hba|does not exist'
until error=$("${query[@]}" --command='' 2>&1); do
  if ((SECONDS > limit)) || grep --quiet --ignore-case --extended-regexp "$permanent" <<<"$error"; then
    echo "Cannot connect to PostgreSQL at $PGHOST:$PGPORT after $SECONDS s: $error" >&2
    exit 1
  fi
  sleep 1
done
password=${ROLE_PASSWORD:-}
printf '%s\n' "$password" "$password" | "${query[@]}" --file="$(dirname "$0")/create-database.sql"
echo "Database ${ROLE:-$DATABASE} is ready."
