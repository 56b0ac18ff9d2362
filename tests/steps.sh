# Sourced by .ci/run and tests/run: runs named steps, measures each one, and closes with a table of them.
# shellcheck shell=bash
#
#   steps_begin NAME      starts the measurement
#   step NAME COMMAND...  runs one step; a failure prints the table and ends the script with the step's exit code, unless
#                         steps_go_on is set: then the other steps run as well
#   steps_end             prints the table and writes it as JSON to target/steps/NAME.json; returns 1 if a step failed
#
# AKSBACKUP_STEPS_WARN and AKSBACKUP_STEPS_STOP are minutes of the whole run: past the first one each step says so, past the second
# one the running step is stopped and the table printed, so that a run that takes too long shows where its time went.

steps_begin() {
    steps_name=$1
    steps_rows=()
    steps_started=$SECONDS
    steps_pid=''
    steps_stop=$((${AKSBACKUP_STEPS_STOP:-80} * 60))
    steps_warn=$((${AKSBACKUP_STEPS_WARN:-50} * 60))
    steps_work=$(mktemp -d)
    mkdir -p target/steps
    trap 'steps_stopped 124' TERM
    trap 'steps_stopped 130' INT
    trap 'rm -rf "$steps_work"; steps_kill "${steps_watchdog:-}"' EXIT
    # Job control gives each job a process group of its own, which can be ended as a whole.
    set -m
    (
        trap - TERM INT EXIT
        sleep "$steps_stop"
        kill -TERM $$
    ) &
    steps_watchdog=$!
    set +m
}

step() {
    local name=$1 status=0 started=$SECONDS before after
    shift
    printf '\n== %s\n' "$name"
    steps_running=$name
    steps_since=$started
    # `times` counts the descendants that have been waited for; in a subshell it would begin at zero.
    times >"$steps_work/times"
    before=$(steps_cpu)
    set -m
    "$@" &
    steps_pid=$!
    set +m
    wait "$steps_pid" || status=$?
    steps_pid=''
    times >"$steps_work/times"
    after=$(steps_cpu)
    steps_rows+=("$name|$((SECONDS - started))|$((after - before))|$status")
    if [ $((SECONDS - steps_started)) -gt "$steps_warn" ]; then
        printf 'warning: %s has been running for %s minutes\n' "$steps_name" "$(((SECONDS - steps_started) / 60))"
    fi
    if [ "$status" -ne 0 ]; then
        printf '\n%s: step "%s" failed with exit code %s\n' "$steps_name" "$name" "$status"
        [ -z "${steps_go_on:-}" ] || return 0
        steps_end || true
        exit "$status"
    fi
}

# Whole seconds of CPU time of all descendants so far.
steps_cpu() {
    tail -n 1 "$steps_work/times" | tr 'ms' '  ' | awk '{ printf "%d\n", ($1 + $3) * 60 + $2 + $4 }'
}

steps_kill() {
    [ -z "$1" ] || kill -TERM -- "-$1" 2>/dev/null || true
}

steps_stopped() {
    trap - TERM INT
    steps_kill "$steps_pid"
    if [ "$1" = 124 ]; then
        printf '\n%s: stopped after %s minutes, in step "%s"\n' "$steps_name" "$((steps_stop / 60))" "$steps_running"
    fi
    steps_rows+=("$steps_running|$((SECONDS - steps_since))|0|$1")
    steps_end || true
    exit "$1"
}

steps_end() {
    local row name wall cpu status total=$((SECONDS - steps_started)) total_cpu=0 bad=0 separator=''
    {
        printf '{"run":"%s","commit":"%s","processors":%s,"wall_seconds":%s,"steps":[' "$steps_name" \
            "$(git rev-parse --short=12 HEAD 2>/dev/null || true)" "$(getconf _NPROCESSORS_ONLN)" "$total"
        for row in ${steps_rows[@]+"${steps_rows[@]}"}; do
            IFS='|' read -r name wall cpu status <<<"$row"
            printf '%s{"step":"%s","wall_seconds":%s,"cpu_seconds":%s,"exit_code":%s}' \
                "$separator" "$name" "$wall" "$cpu" "$status"
            separator=,
        done
        printf ']}\n'
    } >"target/steps/$steps_name.json"
    printf '\n%-48s %8s %8s\n' "$steps_name" 'wall s' 'CPU s'
    for row in ${steps_rows[@]+"${steps_rows[@]}"}; do
        IFS='|' read -r name wall cpu status <<<"$row"
        total_cpu=$((total_cpu + cpu))
        [ "$status" = 0 ] || bad=$((bad + 1))
        printf '%-48s %8s %8s%s\n' "$name" "$wall" "$cpu" "$([ "$status" = 0 ] || printf '  exit code %s' "$status")"
    done
    printf '%-48s %8s %8s\n' total "$total" "$total_cpu"
    printf 'steps: %s passed, %s failed\n' "$((${#steps_rows[@]} - bad))" "$bad"
    [ "$bad" -eq 0 ]
}
