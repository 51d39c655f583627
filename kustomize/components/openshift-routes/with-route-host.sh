#!/bin/bash
# Runs MLflow's server (the arguments) so that it answers to its Route's host too. When the host changes, it restarts the
# server, which reads its names only at its start.
# Environment: ROUTE_HOST_FILE, MLFLOW_SERVER_ALLOWED_HOSTS and MLFLOW_SERVER_CORS_ALLOWED_ORIGINS (those inside the
# cluster).
set -uo pipefail

inside=$MLFLOW_SERVER_ALLOWED_HOSTS
origins_inside=$MLFLOW_SERVER_CORS_ALLOWED_ORIGINS
server=
ended= # whether the pod ends: the signal may come before the server is known
trap 'ended=yes; [ -z "$server" ] || kill -TERM "$server"' TERM INT
while true; do
  hosts=$(<"$ROUTE_HOST_FILE")
  if [ -n "$hosts" ]; then # several hosts are separated by commas
    export MLFLOW_SERVER_ALLOWED_HOSTS="$inside,$hosts"
    export MLFLOW_SERVER_CORS_ALLOWED_ORIGINS="$origins_inside,https://${hosts//,/,https://}"
  fi
  "$@" &
  server=$!
  [ -z "$ended" ] || kill -TERM "$server"
  while kill -0 "$server" 2>/dev/null && [ "$(<"$ROUTE_HOST_FILE")" = "$hosts" ]; do
    sleep 2 &
    wait $! # unlike sleep, a signal ends it
  done
  if kill -0 "$server" 2>/dev/null; then
    echo "The Route's host is now $(<"$ROUTE_HOST_FILE"): restarting MLflow." >&2
    kill -TERM "$server"
    while kill -0 "$server" 2>/dev/null; do wait "$server"; done
  else
    wait "$server"
    exit
  fi
done
