# SPDX-License-Identifier: MIT
# A host (host.c) for the tests of one file, with its socket at $socket.

load ../cli/helpers

# start_host [busy]: again, in the place of one that was stopped.
start_host() {
    if [ -z "${host_folder:-}" ]; then
        host_folder=$(mktemp -d /tmp/udxg-top-XXXXXX) # a path of a socket has to be short
        mkfifo "$host_folder/end"
    fi
    socket=$host_folder/udxgd.sock
    rm -f "$host_folder/out"
    "$TOP_HOST" "$socket" "$@" <"$host_folder/end" >"$host_folder/out" 3>&- &
    host_pid=$!
    exec 8>"$host_folder/end"
    for ((i = 0; i < 200; i++)); do
        [ -s "$host_folder/out" ] && return
        sleep 0.05
    done
    return 1
}

stop_host() {
    [ -n "${host_pid:-}" ] || return 0
    exec 8>&-
    wait "$host_pid"
    host_pid=
}

end_host() {
    stop_host
    rm -rf "$host_folder"
}
