#!/bin/sh
# SPDX-License-Identifier: MIT
# two_processes.sh UDXG PROFILE SIZE PROGRAM: two processes of an unmodified client on one adapter, which together want
# more than it has, over one daemon; each checks all of its bytes. Meanwhile udxg top has to show both.
set -u
udxg=$1 profile=$2 size=$3 program=$4
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

"$udxg" run --shared --adapter "$profile" -- sh -c '
    udxg=$1 size=$2 program=$3 folder=$4
    "$program" "$size" >"$folder/one" & one=$!
    "$program" "$size" >"$folder/two" & two=$!
    most=0
    while kill -0 "$one" 2>/dev/null && kill -0 "$two" 2>/dev/null; do
        "$udxg" top --once --json >"$folder/top" || break
        seen=$(jq "[.processes[] | select(.pid == $one or .pid == $two) |
            select([.adapters[].groups[].usage] | add > 0)] | length" "$folder/top")
        [ "$seen" -gt "$most" ] && most=$seen
    done
    echo "$most" >"$folder/seen"
    wait "$one" && wait "$two"' sh "$udxg" "$size" "$program" "$folder"
status=$?
case $(cat "$folder/one") in
*'1..0 # SKIP'*)
    cat "$folder/one"
    exit "$status"
    ;;
esac

number=0
for name in one two; do
    while read -r line; do
        case $line in
        'ok '* | 'not ok '*)
            number=$((number + 1))
            case $line in not*) echo "not ok $number - $name:${line#*-}" ;; *) echo "ok $number - $name:${line#*-}" ;; esac
            ;;
        esac
    done <"$folder/$name"
done
number=$((number + 1))
if [ "$(cat "$folder/seen")" = 2 ]; then
    echo "ok $number - udxg top has shown both, with what they use"
else
    echo "not ok $number - udxg top has shown $(cat "$folder/seen") of them at a time"
    status=1
fi
echo "1..$number"
exit "$status"
