#!/usr/bin/env bash
# Runs a command with Postgres's programs on PATH: the tests start a throwaway cluster of their own, and Debian keeps
# initdb and postgres off PATH.
set -euo pipefail
if ! command -v initdb >/dev/null; then
  for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /opt/homebrew/opt/postgresql*/bin /usr/pgsql-*/bin; do
    if [ -x "$folder/initdb" ]; then PATH="$folder:$PATH"; break; fi
  done
fi
exec "$@"
