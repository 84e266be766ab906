#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxg top on a terminal, which tmux is: what it shows at 80 by 24 and at other sizes, and its keys.
load helpers

setup() {
    command -v tmux >/dev/null || skip "tmux is not installed"
    start_host busy
    export TERM=xterm-256color
}

teardown() {
    [ -z "${host_pid:-}" ] || terminal kill-server 2>/dev/null || true
    [ -z "${host_folder:-}" ] || end_host
}

terminal() {
    tmux -S "$host_folder/tmux" -f /dev/null "$@" 3>&- 8>&-
}

# open COLUMNS LINES [VARIABLE=VALUE...]
open() {
    local columns=$1 lines=$2
    shift 2
    terminal new-session -d -x "$columns" -y "$lines" \
        "env LC_ALL=C.UTF-8 $* '$UDXG_BUILD/udxg' top --socket '$socket'; echo \"status \$?\"; sleep 100"
    shows "1002 be"
}

screen() {
    terminal capture-pane -p -t 0
}

# shows PATTERN: the screen has it, or will soon.
shows() {
    for ((n = 0; n < 100; n++)); do
        screen | grep -E -- "$1" >/dev/null && return
        sleep 0.05
    done
    echo "the screen never had '$1':"
    screen
    return 1
}

keys() {
    terminal send-keys "$@"
}

# The name of the process in the N-th row.
row() {
    screen | grep -A "$1" -E "^ +PID" | tail -1 | awk '{print $2}'
}

becomes() {
    for ((n = 0; n < 100; n++)); do
        [ "$(row "$1")" = "$2" ] && return
        sleep 0.05
    done
    echo "row $1 is not $2:"
    screen
    return 1
}

@test "80 by 24: everything has its place" {
    open 80 24
    shows '^ udxg top   daemon [0-9]+   2 adapters   2 processes +1\.0 s$'
    shows '^ 0 256-mib  '
    shows '^  1 memory   local +█+.?─+ +1[0-9.]+M / +256M +4[0-9]%$'
    shows '^  2 aperture non-local '
    shows '^ 1 soft-uma  '
    shows '^ +PID NAME +GPU +USAGE BUDGET +RESID QUEUE +BUSY +IN/s +OUT/s$'
    shows '^ +1001 alpha +0 +96M +[0-9.]+M +96M +[0-9]+ +0% +0 +0$'
    shows '^ +1002 be\?\[7mta +0 .*[0-9]M$'
    [ "$(screen | wc -l)" = 24 ]
    [ "$(screen | python3 -c 'import sys; print(max(len(line.rstrip("\n")) for line in sys.stdin))')" -le 80 ]
    screen | tail -1 | grep -F "q quit  h help  p pause"
}

@test "it works, and that is seen" {
    open 80 24
    shows 'paging in +[0-9.]+M/s  out +[0-9.]+M/s$'
    shows '^ +1002 .* [1-9][0-9]*% +[0-9.]+M +[0-9.]+M$'
    shows '3D [1-9][0-9]*%'
}

@test "another size, and back" {
    open 80 24
    terminal resize-window -x 132 -y 40
    shows 'OUT/s +COMMIT +RSRVD +ALLOCS +HANDLES +DEV +CTX$'
    shows '1001 alpha .* 32M +3 +10 +1 +1$'
    [ "$(screen | wc -l)" = 40 ]
    terminal resize-window -x 60 -y 14
    shows '^  0 256-mib +█' # a line for each adapter
    shows '^ +1001 alpha'
    terminal resize-window -x 20 -y 4
    sleep 0.3
    terminal resize-window -x 5 -y 2
    sleep 0.3
    terminal resize-window -x 80 -y 24
    shows '^ 0 256-mib  '
    shows '^ +1001 alpha +0 +96M '
}

@test "orders" {
    open 80 24
    becomes 1 alpha
    keys t # traffic: only beta has some
    shows 'sort: traffic'
    becomes 1 'be?[7mta'
    keys o
    shows 'sort: traffic up'
    becomes 1 alpha
    keys o n
    shows 'sort: name '
    becomes 1 alpha
    keys o
    becomes 1 'be?[7mta'
    keys o i
    shows 'sort: pid '
    becomes 1 alpha
    keys e
    becomes 1 'be?[7mta'
    for key in u:usage b:budget r:resident w:waiting s:pid; do
        keys "${key%%:*}"
        shows "sort: ${key##*:}"
    done
}

@test "help" {
    open 80 24
    keys h
    shows 'q +quit'
    shows '\+ - +longer interval, shorter interval'
    shows 'w +packets that wait in queues'
    ! screen | grep -F "1001 alpha"
    keys h
    shows '1001 alpha'
}

@test "pause" {
    open 80 24
    shows 'paging in +[0-9.]+M/s'
    keys p
    shows 'PAUSED'
    sleep 0.3
    before=$(screen)
    sleep 2.2
    [ "$(screen)" = "$before" ]
    keys p
    for ((n = 0; n < 100; n++)); do
        [ "$(screen | sed 1d)" != "$(sed 1d <<<"$before")" ] && break
        sleep 0.05
    done
    [ "$(screen | sed 1d)" != "$(sed 1d <<<"$before")" ]
    ! screen | grep -F PAUSED
}

@test "intervals" {
    open 80 24
    keys +
    shows ' 2\.0 s$'
    keys - - -
    shows ' 0\.2 s$'
    keys - - - -
    shows ' 0\.1 s$'
    shows '1001 alpha'
}

@test "one adapter, or all" {
    open 80 24
    keys a
    shows '^ 0 256-mib'
    for ((n = 0; n < 100; n++)); do screen | grep -F '1 soft-uma' >/dev/null || break; sleep 0.05; done
    ! screen | grep -F '1 soft-uma'
    keys a
    shows '1 soft-uma'
    shows 'no process'
    ! screen | grep -F '0 256-mib'
    keys a
    shows '0 256-mib'
    shows '1 soft-uma'
}

@test "moving through processes" {
    open 80 11 # adapters are short, and there is room for rows
    keys Down Down Down Down
    sleep 0.3
    shows '1002 be' # there is nothing below
    keys Home
    shows '1001 alpha'
}

@test "quitting leaves the terminal as it was" {
    open 80 24
    keys q
    shows '^status 0$'
    ! screen | grep -F "udxg top"
}

@test "a daemon that ends is told, and found again" {
    open 80 24
    stop_host
    shows 'DAEMON GONE'
    shows '1001 alpha' # as it was
    start_host
    shows '^ udxg top .* processes  +1.0 s$'
    keys q
    shows '^status 0$'
}

@test "colour, and none where nobody wants it" {
    open 80 24
    screen_codes=$(terminal capture-pane -p -e -t 0)
    grep -F $'\033[3' <<<"$screen_codes" >/dev/null
    terminal kill-server
    sleep 0.2
    open 80 24 NO_COLOR=1
    screen_codes=$(terminal capture-pane -p -e -t 0)
    ! grep -E $'\033\\[[0-9;]*(3[0-7]|4[0-7])m' <<<"$screen_codes"
}

@test "a terminal that shows ASCII only" {
    open 80 24 LC_ALL=C
    shows '^  1 memory   local +#+\.+ '
}

# ncurses keeps what it has read of a terminal that it refuses.
@test "a terminal that nobody knows" {
    terminal new-session -d -x 80 -y 24 "TERM=unheard-of ASAN_OPTIONS=detect_leaks=0 '$UDXG_BUILD/udxg' top --socket '$socket'; echo \"status \$?\"; sleep 100"
    shows "error: the terminal 'unheard-of' is not known"
    shows '^status 2$'
}
