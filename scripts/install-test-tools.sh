#!/usr/bin/env bash
# Installs what `make test` needs besides what `make build` needs, where it is missing: git, Postgres, Chromium, and
# the npm packages of end2end/, and schemathesis. Says so before it fetches anything. `--agents-only` leaves all out but git
# and the npm packages.
set -euo pipefail
cd "$(dirname "$0")/.."

# Names a Debian package to install, and what of it is needed.
install_package() {
  local package="$1" purpose="$2"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      echo "$package is missing ($purpose). Install it with your system's package manager." >&2
      exit 1
    fi
    sudo=(sudo -n)
  fi
  if ! command -v apt-get >/dev/null; then
    echo "$package is missing ($purpose). Install it with your system's package manager." >&2
    exit 1
  fi
  echo "Installing $package with apt-get ($purpose)"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" </dev/null
}

command -v git >/dev/null || install_package git "the projects that agents work on are git repositories"
if [ "${1:-}" != --agents-only ]; then
  scripts/with-postgres-on-path.sh sh -c 'command -v initdb' >/dev/null ||
    install_package postgresql "the store is tested on SQLite and on Postgres"
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    install_package chromium "the board is tested in a browser"
  compgen -G '/usr/lib*/faketime/libfaketimeMT.so.1' >/dev/null || compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null ||
    install_package libfaketime "a clock that is set back and forward"
  python3 -c 'import ensurepip, venv' 2>/dev/null ||
    install_package python3-venv "schemathesis, which tests the API against its OpenAPI document"
  scripts/install-schemathesis.sh >/dev/null
fi

cd end2end
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  echo "Installing the test tools of end2end/package.json (npm): Playwright, axe, and the claude CLI"
  npm ci
  touch node_modules/.package-lock.json
fi
