#!/usr/bin/env bash
# Runs a program, and starts it again as long as a restart helps: again.sh PROGRAM ARGUMENTS…
#
# The exit codes are those of docs/guides/on-call.md: 5, 7, 8 and 75 are started again, 1 and death by a signal three times, all
# others end, because a start on the same machine would not help. Slurm sends signals to every process of a step: SIGTERM reaches
# the program directly, and here it only means that nothing is started again.

set -uo pipefail

stopping=
trap 'stopping=yes' TERM
defects=0
pause=1
while :; do
    started=$SECONDS
    "$@" &
    child=$!
    # The shell stops waiting when a signal comes.
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2> /dev/null || break
    done
    [[ $stopping ]] && exit "$code"
    case $code in
        5 | 7 | 8 | 75) ;;
        # A defect, the machine, or (above 128) a signal from elsewhere, such as that of the kernel when memory runs out.
        1 | 129 | 1[3-9]? | 2??) ((++defects > 3)) && exit "$code" ;;
        *) exit "$code" ;;
    esac
    # Twice as long each time, up to a minute, unless it has run well for some time.
    ((SECONDS - started > 300)) && pause=1
    echo "$1 ended with $code; it is started again in $pause s" >&2
    # In the background, so that a signal ends the pause.
    sleep "$pause" &
    wait $!
    [[ $stopping ]] && exit 8
    pause=$((pause < 30 ? pause * 2 : 60))
done
