#!/bin/bash
# Start PostgreSQL as whatever user the pod runs as, with the administrator's password of the Secret.
# Environment: PGDATA, POSTGRES_USER, POSTGRES_PASSWORD. Arguments: more of the server's own, such as -c max_connections=400.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Beside it first: an initdb that was interrupted leaves nothing that looks like a database.
  rm -rf "$PGDATA.new"
  # The builtin locale sorts the same in every image, whatever C library it has.
  initdb --pgdata="$PGDATA.new" --username="$POSTGRES_USER" --encoding=UTF8 \
    --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 \
    --auth=scram-sha-256 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  mv "$PGDATA.new" "$PGDATA"
fi
chmod 0700 "$PGDATA" # a volume's fsGroup may have opened it to the group; PostgreSQL then refuses to start

# A kept volume and a new Secret may meet: the Secret wins. Single-user mode needs no password,
# reads a statement a line (hence printf, not arguments, which `ps` shows), and must not log it.
printf "ALTER ROLE \"%s\" PASSWORD '%s'\n" "${POSTGRES_USER//\"/\"\"}" "${POSTGRES_PASSWORD//\'/\'\'}" |
  postgres --single -D "$PGDATA" -c log_min_error_statement=panic postgres >/dev/null

# The socket lies in /tmp because the root file system is read-only.
exec postgres -D "$PGDATA" -c hba_file=/etc/postgresql/pg_hba.conf \
  -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
