#!/bin/sh
# SPDX-License-Identifier: MIT
# overcommit.sh UDXG PROFILE LEAST_IN LEAST_OUT PROGRAM [ARGUMENT...]: a client that wants more than the adapter has,
# with checks of our own behind its TAP lines: that at least so many bytes were copied into video memory and out of it.
set -u
udxg=$1 profile=$2 least_in=$3 least_out=$4
shift 4
table=$(mktemp) || exit 1
trap 'rm -f "$table"' EXIT

lines=$("$udxg" run --adapter "$profile" --summary="$table" -- "$@")
status=$?
case $lines in
*'1..0 # SKIP'*)
    printf '%s\n' "$lines"
    exit "$status"
    ;;
esac
printf '%s\n' "$lines" | grep -v '^1\.\.'
number=$(printf '%s\n' "$lines" | grep -c -E '^(not )?ok ')

# Whether number VALUE is LEAST or more; what is no number is not.
check() {
    number=$((number + 1))
    if [ "${2:-none}" -ge "$3" ] 2>/dev/null; then
        echo "ok $number - $1: $2"
    else
        echo "not ok $number - $1: ${2:-none}, not $3"
        status=1
    fi
}

check 'bytes copied into video memory' "$(awk '/bytes copied into video memory/ { print $6 }' "$table")" "$least_in"
[ "$least_out" -eq 0 ] || check 'bytes copied out of video memory' "$(awk '/and out of it/ { print $5 }' "$table")" "$least_out"
echo "1..$number"
exit "$status"
