# What network.sh and cluster.sh share: waiting for a condition, and the time that has passed. To be sourced; FOLDER of
# both is `folder` here.

# Tries a command until it succeeds, every 20 ms, for at most a minute; what it said the last time is shown if it never does.
until_ok() {
  local tries=0
  until "$@" >"$folder/last.log" 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 3000 ]; then tail -5 "$folder/last.log" >&2; return 1; fi
    sleep 0.02
  done
}

since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'; }
