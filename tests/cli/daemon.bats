#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxgd and those who start it: its options, its socket, how it begins and ends, and udxg run --shared.
load helpers

udxgd() {
    "$UDXG_BUILD/udxgd" "$@"
}

setup() {
    unset XDG_RUNTIME_DIR UDXG_SERVER NOTIFY_SOCKET JOURNAL_STREAM LISTEN_FDS LISTEN_PID
    export TMPDIR="$BATS_TEST_TMPDIR/tmp"
    mkdir "$TMPDIR"
    peer="$UDXG_BUILD/tests/cli/peer" # no function: $! is to be its own number
    socket="$BATS_TEST_TMPDIR/run/udxgd.sock"
    daemon=
}

teardown() {
    [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
}

# Waits up to ten seconds until the command succeeds.
until_true() {
    for _ in $(seq 200); do
        "$@" && return
        sleep 0.05
    done
    echo "not in ten seconds: $*"
    return 1
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Starts udxgd in the background as $daemon and waits until it is ready. Its log is in $log.
start() {
    log="$BATS_TEST_TMPDIR/log"
    "$UDXG_BUILD/udxgd" --socket "$socket" --ready-fd 9 "$@" 9>"$BATS_TEST_TMPDIR/ready" 2>"$log" 3>&- &
    daemon=$!
    until_true test -s "$BATS_TEST_TMPDIR/ready"
}

# Stops it by a signal and leaves its exit status in $status.
stop() {
    kill "-${1:-TERM}" "$daemon"
    status=0
    wait "$daemon" || status=$?
    daemon=
    cat "$log"
}

@test "--version and --help, with two examples" {
    run_apart udxgd --version
    [ "$status" = 0 ]
    [[ "$output" =~ ^"udxgd "[0-9]+\.[0-9]+\.[0-9]+$ ]]
    run_apart udxgd --help
    [ "$status" = 0 ]
    [ "$(grep -c '^  udxgd ' <<<"$output")" -ge 2 ]
    [ -z "$errors" ]
}

@test "the examples of --help run" {
    while read -r _ arguments; do
        arguments=${arguments//\/tmp\/mine/$BATS_TEST_TMPDIR\/mine}
        XDG_RUNTIME_DIR="$TMPDIR" "$UDXG_BUILD/udxgd" $arguments --ready-fd 9 9>"$BATS_TEST_TMPDIR/ready" 3>&- &
        daemon=$!
        until_true test -s "$BATS_TEST_TMPDIR/ready"
        kill "$daemon"
        wait "$daemon"
        : >"$BATS_TEST_TMPDIR/ready"
    done < <(udxgd --help | grep '^  udxgd ')
    [ -n "$daemon" ] # there was one
}

@test "usage errors end with 2" {
    for arguments in --frobnicate surplus "--log-level loud" "--idle-exit 0" "--idle-exit -1" "--idle-exit 1s" \
        "--ready-fd 77" "--ready-fd x" "--inject nonsense"; do
        run_apart udxgd --socket "$socket" $arguments
        [ "$status" = 2 ]
        [ -z "$output" ]
        [ -n "$errors" ]
    done
    [ ! -e "$BATS_TEST_TMPDIR/run" ]
}

@test "without XDG_RUNTIME_DIR and --socket it says what it needs" {
    run_apart udxgd
    [ "$status" = 2 ]
    [[ "$errors" == *XDG_RUNTIME_DIR*--socket* ]]
}

@test "an adapter that does not exist ends with 3" {
    run_apart udxgd --socket "$socket" --profile frobnicate
    [ "$status" = 3 ]
    [[ "$errors" == *frobnicate* ]]
    [ ! -e "$BATS_TEST_TMPDIR/run" ]
}

@test "the socket is made for its user alone, and removed with its folder" {
    start
    [ "$(<"$BATS_TEST_TMPDIR/ready")" = "$socket" ]
    [ "$(stat -c %F:%a "$socket")" = socket:600 ]
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/run")" = 700 ]
    stop
    [ "$status" = 0 ]
    [ ! -e "$BATS_TEST_TMPDIR/run" ]
    grep -q 'stopping: SIGTERM' "$log"
}

@test "the default socket is in XDG_RUNTIME_DIR" {
    chmod 700 "$TMPDIR"
    XDG_RUNTIME_DIR="$TMPDIR" "$UDXG_BUILD/udxgd" --ready-fd 9 9>"$BATS_TEST_TMPDIR/ready" 3>&- &
    daemon=$!
    until_true test -s "$BATS_TEST_TMPDIR/ready"
    [ -S "$TMPDIR/udxg/udxgd.sock" ]
    kill "$daemon"
    wait "$daemon"
    [ ! -e "$TMPDIR/udxg" ]
}

@test "a folder that was there stays, and what else is in it" {
    mkdir -m 700 "$BATS_TEST_TMPDIR/run"
    start
    touch "$BATS_TEST_TMPDIR/run/other"
    stop INT
    [ "$status" = 0 ]
    [ "$(ls "$BATS_TEST_TMPDIR/run")" = other ]
}

@test "a folder that others can enter is refused with 4" {
    mkdir -m 755 "$BATS_TEST_TMPDIR/run"
    run_apart udxgd --socket "$socket"
    [ "$status" = 4 ]
    [[ "$errors" == *"$BATS_TEST_TMPDIR/run is not ours alone"*chmod* ]]
    start --allow-other-users
    [ "$(stat -c %a "$socket")" = 666 ]
    stop
    [ "$status" = 0 ]
}

@test "a path that is too long, or no socket's, is refused" {
    run_apart udxgd --socket "$BATS_TEST_TMPDIR/$(printf '%0108d' 0)/udxgd.sock"
    [ "$status" = 1 ]
    [[ "$errors" == *"longer than 107 bytes"* ]]
    [ ! -e "$BATS_TEST_TMPDIR/$(printf '%0108d' 0)" ]
    mkdir -m 700 "$BATS_TEST_TMPDIR/run"
    echo precious >"$socket"
    run_apart udxgd --socket "$socket"
    [ "$status" = 1 ]
    [[ "$errors" == *"is no socket"* ]]
    [ "$(<"$socket")" = precious ]
}

@test "a second daemon is refused, and the first does not notice" {
    start
    run_apart udxgd --socket "$socket"
    [ "$status" = 1 ]
    [[ "$errors" == *"$socket is in use"* ]]
    [ -S "$socket" ]
    "$peer" connect "$socket" >"$BATS_TEST_TMPDIR/peer" 3>&- &
    until_true grep -q connected "$BATS_TEST_TMPDIR/peer"
    stop
    [ "$status" = 0 ]
}

@test "of many that start together one serves" {
    mkdir -m 700 "$BATS_TEST_TMPDIR/run"
    for i in 1 2 3 4 5 6 7 8; do
        "$UDXG_BUILD/udxgd" --socket "$socket" --idle-exit 2 --ready-fd 9 9>>"$BATS_TEST_TMPDIR/ready" \
            2>/dev/null 3>&- &
    done
    wait
    [ "$(wc -l <"$BATS_TEST_TMPDIR/ready")" = 1 ]
    [ ! -e "$socket" ]
}

@test "the socket of a daemon that was killed is replaced" {
    start
    kill -9 "$daemon"
    wait "$daemon" || true
    [ -S "$socket" ]
    : >"$BATS_TEST_TMPDIR/ready"
    start
    grep -q "replacing $socket" "$log"
    stop
    [ "$status" = 0 ]
    [ ! -e "$socket" ]
}

@test "what stands in its place at the end stays" {
    start
    rm "$socket"
    echo other >"$socket"
    stop
    [ "$status" = 0 ]
    [ "$(<"$socket")" = other ]
}

@test "a session has a line when it begins and one when it ends, with pid and uid" {
    start
    "$peer" connect "$socket" >"$BATS_TEST_TMPDIR/peer" 3>&- &
    client=$!
    until_true grep -q "session of pid $client, uid $(id -u) begins" "$log"
    kill "$client"
    until_true grep -q "session of pid $client, uid $(id -u) ended: it hung up" "$log"
    stop
}

@test "sessions are ended when it stops" {
    start
    for i in 1 2 3; do "$peer" connect "$socket" >"$BATS_TEST_TMPDIR/peer$i" 3>&- & done
    until_true sh -c '[ "$(grep -c begins "$0")" = 3 ]' "$log"
    stop
    [ "$status" = 0 ]
    [ "$(grep -c ended "$log")" = 3 ]
    for i in 1 2 3; do until_true grep -q closed "$BATS_TEST_TMPDIR/peer$i"; done
}

@test "--log-level, and the journal's form" {
    start --log-level warning
    stop
    [ ! -s "$log" ]
    : >"$BATS_TEST_TMPDIR/ready"
    touch "$log"
    JOURNAL_STREAM=$(stat -c %d:%i "$log") start --log-level debug
    stop
    grep -q '^<6>serving' "$log"
    grep -q '^<7>' "$log"
    ! grep -qv '^<[0-7]>' "$log"
    : >"$BATS_TEST_TMPDIR/ready"
    JOURNAL_STREAM=1:1 start
    stop
    grep -qE '^20[0-9-]+T[0-9:.]+Z udxgd: info: serving' "$log"
}

@test "--idle-exit counts from the last session" {
    start --idle-exit 1
    "$peer" connect "$socket" >"$BATS_TEST_TMPDIR/peer" 3>&- &
    client=$!
    until_true grep -q begins "$log"
    sleep 1.5
    kill -0 "$daemon"
    kill "$client"
    wait "$daemon"
    daemon=
    grep -q 'no session for 1 seconds' "$log"
    [ ! -e "$socket" ]
}

@test "a service manager's socket is used and stays" {
    "$peer" listen "$BATS_TEST_TMPDIR/given" "$UDXG_BUILD/udxgd" --ready-fd 9 \
        9>"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/log" 3>&- &
    daemon=$!
    log="$BATS_TEST_TMPDIR/log"
    until_true test -s "$BATS_TEST_TMPDIR/ready"
    [ "$(<"$BATS_TEST_TMPDIR/ready")" = "$BATS_TEST_TMPDIR/given" ]
    "$peer" connect "$BATS_TEST_TMPDIR/given" >"$BATS_TEST_TMPDIR/peer" 3>&- &
    until_true grep -q begins "$log"
    stop
    [ "$status" = 0 ]
    [ -S "$BATS_TEST_TMPDIR/given" ]
}

@test "what is handed over is checked" {
    run_apart env PEER_STREAM=1 "$peer" listen "$BATS_TEST_TMPDIR/stream" "$UDXG_BUILD/udxgd"
    [ "$status" = 1 ]
    [[ "$errors" == *SOCK_SEQPACKET* ]]
    run_apart env LISTEN_FDS=2 "$peer" listen "$BATS_TEST_TMPDIR/two" "$UDXG_BUILD/udxgd"
    [ "$status" = 1 ]
    [[ "$errors" == *"LISTEN_FDS is 2"* ]]
    run_apart env LISTEN_PID=1 "$peer" listen "$BATS_TEST_TMPDIR/other" "$UDXG_BUILD/udxgd"
    [ "$status" = 2 ] # it is another's, and there is no other socket
    run_apart "$peer" listen "$BATS_TEST_TMPDIR/both" "$UDXG_BUILD/udxgd" --socket "$socket"
    [ "$status" = 2 ]
    [[ "$errors" == *"leave --socket"* ]]
}

@test "the service manager is told" {
    "$peer" notify "$BATS_TEST_TMPDIR/manager" >"$BATS_TEST_TMPDIR/told" 3>&- &
    manager=$!
    until_true test -S "$BATS_TEST_TMPDIR/manager"
    NOTIFY_SOCKET="$BATS_TEST_TMPDIR/manager" start
    until_true grep -qx READY=1 "$BATS_TEST_TMPDIR/told"
    ! grep -q STOPPING "$BATS_TEST_TMPDIR/told"
    stop
    [ "$status" = 0 ]
    until_true gone "$manager"
    grep -qx STOPPING=1 "$BATS_TEST_TMPDIR/told"
}

@test "it gives up what it does not need" {
    start --log-level debug
    grep -qx $'NoNewPrivs:\t1' "/proc/$daemon/status"
    grep -qx $'CapPrm:\t0000000000000000' "/proc/$daemon/status"
    grep -qE '^Max core file size +0 +0 ' "/proc/$daemon/limits"
    awk '/^Max open files/ { exit $4 != $5 }' "/proc/$daemon/limits"
    if grep -q 'filter of system calls: yes' "$log"; then
        grep -qx $'Seccomp:\t2' "/proc/$daemon/status"
    else
        grep -E 'filter of system calls: no, this is a build with(out libseccomp| a sanitizer)' "$log"
    fi
    stop
}

@test "a daemon that is set-user-id does not start" {
    [ "$(id -u)" = 0 ] || skip "optional: only root can make one"
    [ "$UDXG_SANITIZE" = none ] || skip "optional: a sanitizer refuses first"
    cp "$UDXG_BUILD/udxgd" "$BATS_TEST_TMPDIR/udxgd"
    chown 65534 "$BATS_TEST_TMPDIR/udxgd"
    chmod u+s "$BATS_TEST_TMPDIR/udxgd"
    run_apart "$BATS_TEST_TMPDIR/udxgd" --socket "$socket"
    [ "$status" = 4 ]
    [[ "$errors" == *set-user-id* ]]
}

@test "udxg daemon is udxgd" {
    run_apart udxg daemon --help
    [ "$status" = 0 ]
    [[ "$output" == "Usage: udxg daemon "* ]]
    run_apart udxg daemon --frobnicate
    [ "$status" = 2 ]
    run_apart udxg daemon --socket "$socket" --idle-exit 1
    [ "$status" = 0 ]
}

# No socket folder of udxg run is there any more, and no daemon that serves one.
nothing_left() {
    [ -z "$(ls "$TMPDIR")" ] && ! grep -qaF "$TMPDIR/udxg-" /proc/[0-9]*/cmdline
}

@test "udxg run --shared gives its program a daemon, and takes it away" {
    run_apart udxg run --shared -- sh -c 'echo "$UDXG_SERVER"; test -S "$UDXG_SERVER"'
    [ "$status" = 0 ]
    [[ "$output" == "$TMPDIR/udxg-"*/udxgd.sock ]]
    [ -z "$errors" ]
    nothing_left
    run_apart udxg run -v --shared -- "$peer" connect /nowhere
    [ "$status" = 1 ]
    [[ "$errors" == *"UDXG_SERVER=$TMPDIR/udxg-"* ]]
    nothing_left
}

@test "udxg run --shared prefers the folder of the session" {
    mkdir -m 700 "$BATS_TEST_TMPDIR/session"
    XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/session" run_apart udxg run --shared -- sh -c 'echo "$UDXG_SERVER"'
    [[ "$output" == "$BATS_TEST_TMPDIR/session/udxg-"* ]]
    [ -z "$(ls "$BATS_TEST_TMPDIR/session")" ]
}

@test "udxg run --shared has the program's status, and env's" {
    for summary in "" --summary; do
        run_apart udxg run $summary --shared -- sh -c 'exit 42'
        [ "$status" = 42 ]
        run_apart udxg run $summary --shared -- sh -c 'kill -9 $$'
        [ "$status" = 137 ]
        run_apart udxg run $summary --shared -- /etc/passwd
        [ "$status" = 126 ]
        run_apart udxg run $summary --shared -- /nowhere/frobnicate
        [ "$status" = 127 ]
        run_apart udxg run $summary --shared --adapter frobnicate -- true
        [ "$status" = 125 ]
        nothing_left
    done
}

@test "udxg run --shared whose daemon cannot start says so and runs nothing" {
    run_apart env TMPDIR="$TMPDIR" bash -c 'cd "$TMPDIR" && long=$(printf "%0100d" 0) && mkdir "$long" &&
        TMPDIR=$TMPDIR/$long exec "$0" run --shared -- touch "$1"' "$UDXG_BUILD/udxg" "$BATS_TEST_TMPDIR/ran"
    [ "$status" = 125 ]
    [[ "$errors" == *"longer than 107 bytes"*"udxgd does not serve"* ]]
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
    [ -z "$(find "$TMPDIR" -name 'udxg-*')" ]
}

@test "udxg run --shared says when the daemon has died" {
    run_apart udxg run -v --shared -- sh -c 'kill -9 "$(sed -n "s/.*its own, process //p" "$0")"' \
        "$BATS_TEST_TMPDIR/errors"
    [ "$status" = 0 ]
    [[ "$errors" == *"udxgd ended by signal 9"* ]]
}

@test "udxg run --shared that is killed leaves no daemon and no folder" {
    "$UDXG_BUILD/udxg" run --shared -- sh -c 'echo "$$ $UDXG_SERVER" >"$0.new"; mv "$0.new" "$0"; exec sleep 60' \
        "$BATS_TEST_TMPDIR/program" 3>&- &
    run=$!
    until_true test -s "$BATS_TEST_TMPDIR/program"
    read -r program server <"$BATS_TEST_TMPDIR/program"
    [ -S "$server" ]
    kill -9 "$run"
    until_true nothing_left
    kill "$program"
}

@test "a Ctrl-C that is meant for the program leaves its daemon alone" {
    run_apart setsid -w "$UDXG_BUILD/udxg" run --shared -- \
        sh -c 'trap "" INT; kill -INT 0; sleep 0.2; test -S "$UDXG_SERVER"'
    [ "$status" = 0 ]
}

@test "the systemd units are well formed" {
    command -v systemd-analyze || skip "optional: systemd-analyze is not installed"
    mkdir "$BATS_TEST_TMPDIR/units"
    sed "s|^ExecStart=[^ ]*|ExecStart=$UDXG_BUILD/udxgd|" "$UDXG_BUILD/src/daemon/udxgd.service" \
        >"$BATS_TEST_TMPDIR/units/udxgd.service"
    cp "$UDXG_SOURCE/src/daemon/udxgd.socket" "$BATS_TEST_TMPDIR/units"
    XDG_RUNTIME_DIR="$TMPDIR" run_apart systemd-analyze --user --man=no verify "$BATS_TEST_TMPDIR/units/"*
    ! grep udxgd <<<"$errors"
}
