# What the scripts share: finding and installing Debian packages, configuring and building. Sourced, not run.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(gcc libc6-dev cmake ninja-build pkgconf libhwloc-dev zlib1g-dev libjansson-dev libxxhash-dev librandom123-dev)

say() {
    printf '%s\n' "== $*"
}

fail() {
    printf '%s\n' "$(basename "$0"): $*" >&2
    exit 1
}

# --help prints the comment at the top of the script.
help_if_asked() {
    case "${1:-}" in
    -h | --help)
        sed -n '2,/^$/{s/^# \{0,1\}//p}' "$0" | sed '/SPDX/d'
        exit 0
        ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The command that makes the next one run as root; fails where there is none without a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_install() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null
}

install_packages() {
    local log
    log=$(mktemp)
    if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } \
        >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        printf '%s\n' "could not install: $*" "going on with what is there" >&2
    fi
    rm -f "$log"
}

# Installs the packages that are missing, or names them and goes on with what is there.
need_packages() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        printf '%s\n' "not Debian or Ubuntu; needed, by the names of packages there: $*" >&2
        return 0
    fi
    for package; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if can_install; then
        say "installing ${missing[*]}"
        install_packages "${missing[@]}"
    else
        printf '%s\n' "missing packages; as root: apt-get install ${missing[*]}" "going on with what is there" >&2
    fi
}

# build_in DIRECTORY CMAKE-OPTION...: configures and builds there, all or ${build_targets[@]}; a directory keeps the generator that it
# began with.
build_in() {
    local directory=$1 generator=()
    shift
    mkdir -p "$directory"
    command -v cmake >/dev/null || fail "cmake is missing"
    if [ ! -f "$directory/CMakeCache.txt" ] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    cmake -S . -B "$directory" "${generator[@]}" "$@" >"$directory/configure.log" 2>&1 || {
        cat "$directory/configure.log" >&2
        fail "cmake could not configure $directory"
    }
    cmake --build "$directory" --parallel "$(nproc)" ${build_targets:+--target "${build_targets[@]}"}
}
