# What the checks of an installed library share: counted checks, the examples, and ways to compile and run them. Sourced with
# $build, the build directory, and $CC set.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt") # a bare machine has no make, which is cmake's default
strict=(-Wall -Wextra -Werror -pedantic)
passed=0

fail() {
    printf '%s\n' "$(basename "$0"): FAILED: $*" >&2
    exit 1
}

# check TEXT COMMAND...: the command must succeed. Bash looks at the last command of a function alone here, hence the &&.
check() {
    local text=$1
    shift
    "$@" >"$work/output" 2>&1 || {
        cat "$work/output" >&2
        fail "$text"
    }
    passed=$((passed + 1))
}

# check_fails TEXT COMMAND...: the command must not succeed, or it proves nothing where it does.
check_fails() {
    local text=$1
    shift
    ! "$@" >"$work/output" 2>&1 || fail "$text went unnoticed"
    passed=$((passed + 1))
}

install_and_move() {
    cmake --install "$build" --prefix "$work/installed" && mv "$work/installed" "$prefix"
}

# The first C example of README.md, which the text promises to be below 60 lines.
extract_example() {
    awk '/^```c$/ && !seen {inside = seen = 1; next} /^```$/ {inside = 0} inside' "$source/README.md" >"$work/readme.c"
    cp "$source"/docs/examples/*.c "$work"
    [ -s "$work/readme.c" ] && [ "$(wc -l <"$work/readme.c")" -lt 60 ]
}

pc() {
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name backprop.pc)") pkg-config "$@"
}

# Exported and declared functions must be the same, and begin with bp_.
compare_symbols() {
    grep -oE '^BP_API [^(]*' "$prefix/include/backprop.h" | grep -oE 'bp_[a-z0-9_]+$' | sort -u >"$work/declared"
    nm -D --defined-only "$1" | awk '{print $3}' | sort -u >"$work/exported"
    [ -s "$work/declared" ] && diff "$work/declared" "$work/exported"
}

# Nobody's name in a static link but ours: hidden functions too, since an archive has no walls.
prefixed() {
    nm --defined-only "$1" | awk 'NF == 3 && $2 ~ /[A-TV-Z]/ && $3 !~ /^bp_/ {print $3}' >"$work/foreign"
    [ "$(nm --defined-only "$1" | grep -c ' T bp_')" -gt 1 ] && ! grep . "$work/foreign"
}

# What a guest leaves alone, by the names of the C library's functions: printing; the process's end (an assert of the library's
# own is the one way there, __assert_fail); the environment; the locale but for newlocale and uselocale, which are put back in one
# call; signals but for pthread_sigmask around the start of a thread; affinity; rounding; working directory, limits, priority;
# children; the host's random numbers; OpenMP's settings.
not_for_guests='v?(f|d|w|fw)?printf|f?put(s|w?c|char|wchar)|fwrite|perror|psig(nal|info)|v?syslog|openlog|v?(warn|err)x?|error(_at_line)?'
not_for_guests+='|std(in|out|err)|_?exit|_Exit|quick_exit|abort|at_?exit|on_exit|at_quick_exit|p?thread_exit|pthread_kill|raise|kill'
not_for_guests+='|(secure_)?getenv|(un)?setenv|putenv|clearenv|environ|setlocale|localeconv|bindtextdomain|textdomain'
not_for_guests+='|signal|bsd_signal|sysv_signal|sigset|sigaction|sigprocmask|sigaltstack|siginterrupt|sigwait.*|alarm|setitimer|timer_create'
not_for_guests+='|sched_set.*|pthread_(attr_)?set(affinity|sched).*|hwloc_set_.*bind|numa_.*|fe(set|hold|update|enable|disable).*'
not_for_guests+='|umask|f?chdir|chroot|setr?limit(64)?|setpriority|nice|prctl|v?fork|system|popen|exec.*|posix_spawnp?|daemon|dup[23]?'
not_for_guests+='|s?rand(_r|om)?|[ejlmn]?rand48|srand48|(omp|kmp)_(set|pause|init|destroy).*'

good_manners() {
    nm -D --undefined-only "$1" | awk '{sub(/@.*/, "", $2); sub(/^__/, "", $2); sub(/_chk$/, "", $2); print $2}' >"$work/needed"
    [ "$(wc -l <"$work/needed")" -gt 0 ] && ! grep -xE "$not_for_guests" "$work/needed"
}

by_pkg_config() {
    # shellcheck disable=SC2046
    "$CC" -std=c11 "${strict[@]}" "$work/$1.c" $(pc --cflags --libs "${@:2}" backprop) -lm -o "$work/$1"
}

# Without the shared library beside it the linker takes the archive.
by_pkg_config_statically() {
    local kept=$work/kept
    mkdir "$kept"
    find "$prefix" -name 'libbackprop.so*' -exec mv {} "$kept" \;
    local status=0
    by_pkg_config "$1" --static || status=$?
    mv "$kept"/* "$(dirname "$(find "$prefix" -name libbackprop.a)")"
    rmdir "$kept"
    return "$status"
}

by_cmake() {
    mkdir -p "$work/project"
    cat >"$work/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.20)
project(user C)
set(CMAKE_C_STANDARD 11)
find_package(backprop 0.1 CONFIG REQUIRED $1)
foreach(name readme own_loss population)
  add_executable(\${name} $work/\${name}.c)
  target_link_libraries(\${name} PRIVATE $2 m)
endforeach()
END
    rm -rf "$work/project/build"
    cmake -S "$work/project" -B "$work/project/build" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" &&
        cmake --build "$work/project/build"
}

in_range() {
    awk -v low="$1" -v high="$2" '{value = $NF} END {exit !(NR == 1 && value >= low && value <= high)}' "$work/said"
}

# run LOW HIGH PROGRAM: one line is printed, and its last word is a number between the two.
run() {
    LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libbackprop.so)") "$3" >"$work/said" && cat "$work/said" && in_range "$1" "$2"
}

run_all() {
    run -0.29 -0.21 "$1/readme" && run 0.87 0.93 "$1/own_loss" && run 0.0005 0.004 "$1/population"
}
