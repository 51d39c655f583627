#!/bin/bash
# Make sure that the database of one component exists, and its role with the Secret's password if it has one of its own.
# Environment: libpq's own PG*, and either ROLE and ROLE_PASSWORD (PGUSER is the administrator, the database is called
# like the role) or DATABASE (it is PGUSER's own).
set -euo pipefail

limit=300 # seconds: a first start waits here while PostgreSQL's image is pulled and its data directory made
ask=(psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --dbname="${PGDATABASE:-postgres}")
# What does not change by waiting ends it at once. It is said in libpq's own words.
lasting='certificate|authentication|pg_hba|does not exist'
until said=$("${ask[@]}" --command='' 2>&1); do
  if ((SECONDS > limit)) || grep --quiet --ignore-case --extended-regexp "$lasting" <<<"$said"; then
    echo "PostgreSQL at $PGHOST:$PGPORT lets nobody in (after $SECONDS s): $said" >&2
    exit 1
  fi
  sleep 1
done
password=${ROLE_PASSWORD:-}
printf '%s\n' "$password" "$password" | "${ask[@]}" --file="$(dirname "$0")/create-database.sql"
echo "Database ${ROLE:-$DATABASE} is there."
