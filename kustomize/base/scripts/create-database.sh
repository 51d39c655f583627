#!/bin/bash
# Make sure that the database of one component exists, and its role with the Secret's password if it has one of its own.
# Environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, and either ROLE and ROLE_PASSWORD (PGUSER is the administrator, the
# database is called like the role) or DATABASE (it is PGUSER's own).
set -euo pipefail

limit=300 # seconds: a first start waits here while PostgreSQL's image is pulled and its data directory made
until pg_isready --quiet --timeout=2; do
  if ((SECONDS > limit)); then
    echo "PostgreSQL at $PGHOST:$PGPORT accepted no connection within $limit s; look at the pod behind Service $PGHOST." >&2
    exit 1
  fi
  sleep 1
done
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres --file="$(dirname "$0")/create-database.sql"
echo "Database ${ROLE:-$DATABASE} is there."
