#!/bin/bash
# Starts PostgreSQL as the pod's user, with the administrator's password from the Secret.
# Environment: PGDATA, POSTGRES_USER, POSTGRES_PASSWORD. Arguments: options of the server, such as -c max_connections=400.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # In a folder beside it first, so that an interrupted initdb leaves nothing that looks like a database.
  rm -rf "$PGDATA.new"
  # The builtin locale sorts the same with every C library, so in every image.
  initdb --pgdata="$PGDATA.new" --username="$POSTGRES_USER" --encoding=UTF8 \
    --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  mv "$PGDATA.new" "$PGDATA"
fi
chmod 0700 "$PGDATA" # fsGroup may have opened it to the group, and PostgreSQL then refuses to start

# The password in a kept volume may differ from a new Secret's: the Secret wins. Single-user mode needs no password. It
# reads the statement from standard input, because `ps` shows arguments. It must not log the statement.
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "${POSTGRES_USER//\"/\"\"}" "${POSTGRES_PASSWORD//\'/\'\'}" |
  postgres --single -D "$PGDATA" -c log_min_error_statement=panic postgres >/dev/null

# The socket is in /tmp because the root file system is read-only.
exec postgres -D "$PGDATA" -c hba_file=/etc/postgresql/pg_hba.conf \
  -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
