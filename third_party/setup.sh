#!/usr/bin/env bash
# Sets this checkout up: the Debian packages of apt.txt, then a virtual environment with pinned packages.
# Usage: [PYTHON=python3] [VENV=.venv] third_party/setup.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

missing_packages() {
    local package least command rest
    while read -r package least command rest; do
        [[ -z $package || $package == '#'* ]] || command -v "$command" >/dev/null || printf '%s\n' "$package"
    done <third_party/apt.txt
    # Debian ships Python without what makes a virtual environment.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

install_packages() {
    local -a as_root=()
    if [[ $(id -u) != 0 ]]; then
        sudo -n true 2>/dev/null || die "install these packages, then try again: sudo apt-get install $*"
        as_root=(sudo -n)
    fi
    command -v apt-get >/dev/null || die "install these packages (their Debian names), then try again: $*"
    say "Debian packages: $*"
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    "${as_root[@]}" update
    "${as_root[@]}" install -y --no-install-recommends "$@" >/dev/null
}

recent "$PYTHON" || die "needs Python 3.11 or newer, and '$PYTHON' is not; name one: make install PYTHON=python3.11"

readarray -t packages < <(missing_packages)
if ((${#packages[@]})); then
    install_packages "${packages[@]}"
    readarray -t packages < <(missing_packages)
    ((${#packages[@]} == 0)) || die "still missing after the installation: ${packages[*]}"
fi

if ! { recent "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }; then
    say "virtual environment in $VENV"
    "$PYTHON" -m venv --clear "$VENV"
fi

quiet=()
[[ -t 1 ]] || quiet=(--quiet)
say "Python packages; the first time this takes minutes"
"$VENV/bin/python" -m pip install "${quiet[@]}" --disable-pip-version-check --root-user-action=ignore \
    --constraint constraints.txt --editable '.[dev]'

# Says in a line each what does not work here; what needs none of it works all the same.
"$VENV/bin/verirl" doctor --quiet || true
say "ready: $VENV/bin/verirl --help"
