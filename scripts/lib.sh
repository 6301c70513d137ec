# What the scripts share: finding and installing Debian packages, configuring and building, tests behind a plain main. Sourced, not run.
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

# ---- tests behind a plain main (tests/plain), each in a process of its own, so that a finding is an exit code

# The command that runs them, with its options, such as an emulator; and of which names no test is run, which a script says why.
export under=
long_tests='^$'

# build_with NAME CMAKE-OPTION...: warnings are scripts/test's matter.
build_with() {
    say "$1: build"
    build_in "build/$1" -DBP_TESTS=ON -DBP_PLAIN_TESTS=ON -DCMAKE_C_FLAGS="-w -g" "${@:2}" >"build/$1.log" 2>&1 || {
        tail -n 20 "build/$1.log" >&2
        fail "$1 could not be built"
    }
}

# one_test BUILD PROGRAM NAME: silent unless it fails or something is found.
one_test() {
    local said
    # shellcheck disable=SC2086 # the words of a command
    said=$(timeout 1800 $under "build/$1/tests/$2" "$3" 2>&1) && return
    printf '%s\n' "$said" "FAILED under $1: $3"
    return 1
}
export -f one_test

# must_find BUILD WORDS TEST: the planted fault, by what is said of it.
must_find() {
    local said
    # shellcheck disable=SC2086 # the words of a command
    ! said=$($under "build/$1/tests/planted_faults" "planted/$3" 2>&1) || fail "$1: $3 went unnoticed"
    grep -qF "$2" <<<"$said" || fail "$1: $3 ended otherwise than by being found: $said"
    say "$1: found the planted fault: $2"
}

# run_all BUILD ROOM PATTERN: the tests of a room whose names match, but for the long ones, as many at once as there are processors.
run_all() {
    local begin=$SECONDS tests listed
    # shellcheck disable=SC2086 # the words of a command
    listed=$($under "build/$1/tests/test_$2" 2>/dev/null) || fail "$1: no tests of $2"
    tests=$(grep -E "$3" <<<"$listed" | grep -vE "$long_tests")
    xargs -P "$(nproc)" -I NAME bash -c 'one_test "$@"' one "$1" "test_$2" NAME <<<"$tests" || fail "$1: tests of $2 failed"
    say "$1: $2: $(wc -l <<<"$tests") of $(wc -l <<<"$listed") tests, nothing found, $((SECONDS - begin)) s"
}
