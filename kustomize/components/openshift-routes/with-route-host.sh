#!/bin/bash
# Run MLflow's server (the arguments) so that it answers to its Route's host too, also when that becomes another:
# the server reads these names only as it starts, so it is started again.
# Environment: ROUTE_HOST_FILE, MLFLOW_SERVER_ALLOWED_HOSTS (the names inside the cluster).
set -uo pipefail

inside=$MLFLOW_SERVER_ALLOWED_HOSTS
server=
trap '[ -z "$server" ] || kill -TERM "$server"' TERM INT
while true; do
  hosts=$(<"$ROUTE_HOST_FILE")
  if [ -n "$hosts" ]; then # several are separated by commas
    export MLFLOW_SERVER_ALLOWED_HOSTS="$inside,$hosts"
    export MLFLOW_SERVER_CORS_ALLOWED_ORIGINS="https://${hosts//,/,https://}"
  fi
  "$@" &
  server=$!
  while kill -0 "$server" 2>/dev/null && [ "$(<"$ROUTE_HOST_FILE")" = "$hosts" ]; do
    sleep 2 &
    wait $! # unlike sleep itself, it ends for a signal
  done
  if kill -0 "$server" 2>/dev/null; then
    echo "The Route's host is now $(<"$ROUTE_HOST_FILE"): starting the server again." >&2
    kill -TERM "$server"
    while kill -0 "$server" 2>/dev/null; do wait "$server"; done
  else
    wait "$server"
    exit
  fi
done
