# What network.sh and cluster.sh share: waiting for a condition, the time that has passed, and how the nodes come into
# their channel. To be sourced; FOLDER of both is `folder` here, and `as` and the addresses are their own.

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

join_orderer() {
  local client=$crypto/ordererOrganizations/bench/users/Admin@bench/tls
  "$tools/osnadmin" channel join --channelID bench --config-block "$folder/bench.block" -o "$admin" --ca-file "$orderer_ca" \
    --client-cert "$client/client.crt" --client-key "$client/client.key" | grep -q 'Status: 201'
}

# Waits until both peers are in the channel and a block can be had from the orderer at an address.
join_peers() {
  until_ok as 1 channel join -b "$folder/bench.block"
  until_ok as 2 channel join -b "$folder/bench.block"
  # An ordering node serves blocks only while it knows a leader.
  until_ok as 1 channel fetch newest "$folder/newest.block" -c bench -o "$1" --tls --cafile "$orderer_ca"
}
