#!/usr/bin/env bash
# Installs schemathesis (PyPI), in the versions of scripts/schemathesis.txt, outside the clone; says so before it fetches
# anything. Prints the program's path.
set -euo pipefail
cd "$(dirname "$0")"
versions="$(cksum < schemathesis.txt | cut -d ' ' -f 1)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/cardume"
root="$cache/schemathesis-$versions"
if ! [ -e "$root/installed" ]; then
  mkdir -p "$cache"
  # Of two tests at once, one installs it.
  exec 9> "$root.lock"
  flock 9
  if ! [ -e "$root/installed" ]; then
    echo "Installing schemathesis into $root (PyPI): the API is tested against its OpenAPI document" >&2
    rm -rf "$root"
    python3 -m venv "$root" >&2 || {
      echo "python3 with its module venv is missing (Debian, Ubuntu: apt-get install python3-venv)" >&2
      exit 1
    }
    "$root/bin/pip" install --quiet --disable-pip-version-check --requirement schemathesis.txt >&2
    touch "$root/installed"
  fi
fi
echo "$root/bin/schemathesis"
