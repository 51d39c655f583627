#!/bin/bash
# Make sure that the role and the database of one component exist and that its password is the Secret's.
# Environment: PGHOST, PGPORT, PGUSER, PGPASSWORD (the administrator), ROLE, ROLE_PASSWORD (also the database's name: ROLE).
set -euo pipefail

limit=300 # seconds: a first start waits here while PostgreSQL's image is pulled and its data directory made
until pg_isready --quiet --timeout=2; do
  if ((SECONDS > limit)); then
    echo "PostgreSQL at $PGHOST:$PGPORT accepted no connection within $limit s; look at the pod of StatefulSet postgres." >&2
    exit 1
  fi
  sleep 1
done
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres --file="$(dirname "$0")/create-database.sql"
echo "Database and role $ROLE are there."
