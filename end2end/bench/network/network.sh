#!/bin/bash
# The yardstick of `cargo xtask bench chain-create` and `bench deploy`: one orderer, two organizations with one peer
# each, a channel, the sample chaincode with one container per organization, and a first answer, raised with Fabric's
# official tools as somebody with experience would write it: it waits for conditions and never for a time.
#
#   network.sh TOOLS FOLDER NAME PORT up       raises the network: prints `create SECONDS`
#   network.sh TOOLS FOLDER NAME PORT deploy   deploys on it and calls it: prints `deploy SECONDS`
#   network.sh TOOLS FOLDER NAME PORT second   writes block 0 of one more channel, second.block
#   network.sh TOOLS FOLDER NAME PORT down     removes everything
#
# TOOLS holds the programs, FOLDER takes the material, NAME stands in front of containers and the network, PORT is the
# first of four free ports. DOCKER_HOST names the engine. The programs find the nodes under 127.0.0.1.
set -euo pipefail
tools=$1 folder=$2 name=$3 port=$4 verb=$5
here=$(cd "$(dirname "$0")" && pwd)
crypto=$folder/crypto
orderer=127.0.0.1:$port admin=127.0.0.1:$((port + 1))
orderer_ca=$crypto/ordererOrganizations/bench/orderers/orderer0.bench/tls/ca.crt
image_peer=heddle.local/fabric-peer:2.5.0 image_orderer=heddle.local/fabric-orderer:2.5.0
image_chaincode=heddle.local/chaincode-example02:1

# shellcheck source=waiting.sh
. "$here/waiting.sh"

# The tool `peer` as the admin of an organization, talking to its peer.
as() {
  local number=$1 org=$crypto/peerOrganizations/org$1.bench
  shift
  FABRIC_CFG_PATH=$folder FABRIC_LOGGING_SPEC=error CORE_PEER_TLS_ENABLED=true CORE_PEER_LOCALMSPID=Org${number}MSP \
    CORE_PEER_TLS_ROOTCERT_FILE=$org/peers/peer0.org$number.bench/tls/ca.crt \
    CORE_PEER_MSPCONFIGPATH=$org/users/Admin@org$number.bench/msp CORE_PEER_ADDRESS=127.0.0.1:$((port + 1 + number)) \
    "$tools/peer" "$@"
}

material() {
  rm -rf "$crypto"
  sed 's|^    endpoint: unix:.*|    endpoint: ""|' "$tools/config/core.yaml" >"$folder/core.yaml"
  cp "$here/configtx.yaml" "$folder/"
  "$tools/cryptogen" generate --config="$here/crypto.yaml" --output="$crypto" >/dev/null
  (cd "$folder" && FABRIC_CFG_PATH=$folder "$tools/configtxgen" -profile Bench -channelID bench -outputBlock bench.block 2>configtxgen.log)
}

start_orderer() {
  docker run -d --name "$name-orderer0" --hostname orderer0.bench --network "$name" --network-alias orderer0.bench \
    -p "$orderer:7050" -p "$admin:7053" -v "$crypto/ordererOrganizations/bench/orderers/orderer0.bench:/material:ro" \
    -e FABRIC_LOGGING_SPEC=warn -e ORDERER_GENERAL_LISTENADDRESS=0.0.0.0 -e ORDERER_GENERAL_LISTENPORT=7050 \
    -e ORDERER_GENERAL_LOCALMSPID=OrdererMSP -e ORDERER_GENERAL_LOCALMSPDIR=/material/msp -e ORDERER_GENERAL_BOOTSTRAPMETHOD=none \
    -e ORDERER_GENERAL_TLS_ENABLED=true -e ORDERER_GENERAL_TLS_PRIVATEKEY=/material/tls/server.key \
    -e ORDERER_GENERAL_TLS_CERTIFICATE=/material/tls/server.crt -e 'ORDERER_GENERAL_TLS_ROOTCAS=[/material/tls/ca.crt]' \
    -e ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE=/material/tls/server.crt -e ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY=/material/tls/server.key \
    -e 'ORDERER_GENERAL_CLUSTER_ROOTCAS=[/material/tls/ca.crt]' -e ORDERER_CHANNELPARTICIPATION_ENABLED=true \
    -e ORDERER_ADMIN_LISTENADDRESS=0.0.0.0:7053 -e ORDERER_ADMIN_TLS_ENABLED=true \
    -e ORDERER_ADMIN_TLS_CERTIFICATE=/material/tls/server.crt -e ORDERER_ADMIN_TLS_PRIVATEKEY=/material/tls/server.key \
    -e 'ORDERER_ADMIN_TLS_ROOTCAS=[/material/tls/ca.crt]' -e 'ORDERER_ADMIN_TLS_CLIENTROOTCAS=[/material/tls/ca.crt]' \
    -e ORDERER_OPERATIONS_LISTENADDRESS=0.0.0.0:9443 "$image_orderer" >/dev/null
}

start_peer() {
  local number=$1 host=peer0.org$1.bench
  docker run -d --name "$name-$host" --hostname "$host" --network "$name" --network-alias "$host" \
    -p "127.0.0.1:$((port + 1 + number)):7051" -v "$crypto/peerOrganizations/org$number.bench/peers/$host:/material:ro" \
    -v "$folder/core.yaml:/settings/core.yaml:ro" -e FABRIC_CFG_PATH=/settings -e FABRIC_LOGGING_SPEC=warn \
    -e CORE_PEER_ID="$host" -e CORE_PEER_ADDRESS="$host:7051" -e CORE_PEER_LISTENADDRESS=0.0.0.0:7051 \
    -e CORE_PEER_CHAINCODEADDRESS="$host:7052" -e CORE_PEER_CHAINCODELISTENADDRESS=0.0.0.0:7052 \
    -e CORE_PEER_GOSSIP_BOOTSTRAP="$host:7051" -e CORE_PEER_GOSSIP_EXTERNALENDPOINT="$host:7051" \
    -e CORE_PEER_LOCALMSPID="Org${number}MSP" -e CORE_PEER_MSPCONFIGPATH=/material/msp -e CORE_PEER_TLS_ENABLED=true \
    -e CORE_PEER_TLS_CERT_FILE=/material/tls/server.crt -e CORE_PEER_TLS_KEY_FILE=/material/tls/server.key \
    -e CORE_PEER_TLS_ROOTCERT_FILE=/material/tls/ca.crt -e CORE_OPERATIONS_LISTENADDRESS=0.0.0.0:9443 \
    "$image_peer" >/dev/null
}

up() {
  local begin=$EPOCHREALTIME
  mkdir -p "$folder"
  material
  docker network create "$name" >/dev/null
  start_orderer
  start_peer 1
  start_peer 2
  until_ok join_orderer
  join_peers "$orderer"
  echo "create $(since "$begin")"
}

start_chaincode() {
  docker run -d --name "$name-chaincode-org$1" --network "$name" --network-alias "chaincode-org$1.bench" \
    -e CHAINCODE_ID="$2" -e CHAINCODE_SERVER_ADDRESS=0.0.0.0:9999 -e CHAINCODE_TLS_DISABLED=true "$image_chaincode" >/dev/null
}

deploy() {
  local begin=$EPOCHREALTIME number id organizations=(1 2)
  local order=(-o "$orderer" --tls --cafile "$orderer_ca" -C bench) everywhere=()
  for number in "${organizations[@]}"; do
    local package=$folder/package$number
    mkdir -p "$package"
    echo '{"type":"ccaas","label":"example02_1"}' >"$package/metadata.json"
    echo "{\"address\":\"chaincode-org$number.bench:9999\",\"dial_timeout\":\"10s\",\"tls_required\":false}" >"$package/connection.json"
    tar -C "$package" -czf "$package/code.tar.gz" connection.json
    tar -C "$package" -czf "$package.tgz" metadata.json code.tar.gz
    id=$("$tools/peer" lifecycle chaincode calculatepackageid "$package.tgz")
    start_chaincode "$number" "$id"
    as "$number" lifecycle chaincode install "$package.tgz" >/dev/null 2>"$folder/install.log"
    as "$number" lifecycle chaincode approveformyorg "${order[@]}" --name example02 --version 1 --package-id "$id" --sequence 1
    everywhere+=(--peerAddresses "127.0.0.1:$((port + 1 + number))")
    everywhere+=(--tlsRootCertFiles "$crypto/peerOrganizations/org$number.bench/peers/peer0.org$number.bench/tls/ca.crt")
  done
  as 1 lifecycle chaincode commit "${order[@]}" --name example02 --version 1 --sequence 1 "${everywhere[@]}"
  as 1 chaincode invoke "${order[@]}" -n example02 "${everywhere[@]}" --waitForEvent -c '{"Args":["init","a","100","b","200"]}' 2>"$folder/invoke.log"
  [ "$(as 1 chaincode query -C bench -n example02 -c '{"Args":["query","a"]}')" = 100 ]
  echo "deploy $(since "$begin")"
}

second() {
  (cd "$folder" && FABRIC_CFG_PATH=$folder "$tools/configtxgen" -profile Bench -channelID second -outputBlock second.block 2>second.log)
}

down() {
  local all
  all=$(docker ps -aq --filter "network=$name")
  # shellcheck disable=SC2086 # ids have no blanks
  [ -z "$all" ] || docker rm -fv $all >/dev/null
  docker network rm "$name" >/dev/null 2>&1 || true
  rm -rf "$folder"
}

export FABRIC_CFG_PATH=$folder
case $verb in
  up | deploy | second | down) "$verb" ;;
  *) sed -n '2,14p' "$0" >&2; exit 2 ;;
esac
