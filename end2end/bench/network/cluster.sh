#!/bin/bash
# The yardstick of `cargo xtask bench chain-create --host kubernetes`: the network of network.sh, on a cluster, with
# manifests of the same kinds as the portal's, kubectl and Fabric's official tools, as somebody with experience would
# write it: everything is applied at once, and it waits for conditions and never for a time.
#
#   cluster.sh TOOLS FOLDER NAMESPACE PORT up    raises the network: prints `create SECONDS`
#   cluster.sh TOOLS FOLDER NAMESPACE PORT down  removes everything, and waits until it is gone
#
# TOOLS holds the programs, FOLDER takes the material, PORT is the first of three free node ports and of the port of this
# machine behind them. KUBECONFIG names the cluster, and kubectl is in the path. What kubectl learns about the cluster
# lies in FOLDER-client and is there from the second round on, as it is for whoever works with a cluster.
set -euo pipefail
tools=$1 folder=$2 namespace=$3 port=$4 verb=$5
here=$(cd "$(dirname "$0")" && pwd)
crypto=$folder/crypto
admin=127.0.0.1:$((port + 3))
orderer_ca=$crypto/ordererOrganizations/bench/orderers/orderer0.bench/tls/ca.crt
image_peer=heddle.local/fabric-peer:2.5.0 image_orderer=heddle.local/fabric-orderer:2.5.0

client() { kubectl --cache-dir "$folder-client" "$@"; }

# shellcheck source=waiting.sh
. "$here/waiting.sh"

# The tool `peer` as the admin of an organization, talking to its peer at a node port.
as() {
  local number=$1 org=$crypto/peerOrganizations/org$1.bench
  shift
  FABRIC_CFG_PATH=$folder FABRIC_LOGGING_SPEC=error CORE_PEER_TLS_ENABLED=true CORE_PEER_LOCALMSPID=Org${number}MSP \
    CORE_PEER_TLS_ROOTCERT_FILE=$org/peers/peer0.org$number.bench/tls/ca.crt \
    CORE_PEER_MSPCONFIGPATH=$org/users/Admin@org$number.bench/msp CORE_PEER_ADDRESS=$address:$((port + number)) \
    "$tools/peer" "$@"
}

# Nodes are called as their Services, and users find them at the cluster's machine.
material() {
  rm -rf "$crypto"
  sed 's|^    endpoint: unix:.*|    endpoint: ""|' "$tools/config/core.yaml" >"$folder/core.yaml"
  sed -e 's|"orderer0.bench:7050"|"orderer0:7050"|' -e 's|Host: orderer0.bench|Host: orderer0|' \
    -e 's|Host: peer0.org\([12]\).bench|Host: peer0-org\1|' "$here/configtx.yaml" >"$folder/configtx.yaml"
  sed -e "s|\[localhost, 127.0.0.1\]|[localhost, 127.0.0.1, $address]|" \
    -e 's|Name: Org\([12]\).*SANS: \[localhost|&, peer0-org\1|' "$here/crypto.yaml" >"$folder/crypto.yaml"
  "$tools/cryptogen" generate --config="$folder/crypto.yaml" --output="$crypto" >/dev/null
  (cd "$folder" && FABRIC_CFG_PATH=$folder "$tools/configtxgen" -profile Bench -channelID bench -outputBlock bench.block 2>configtxgen.log)
}

# What the nodes share: their place, an account without rights, who may speak to whom, the peers' settings.
space() {
  cat <<END
apiVersion: v1
kind: Namespace
metadata: {name: $namespace}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: node, namespace: $namespace}
automountServiceAccountToken: false
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: $namespace}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: chain, namespace: $namespace}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress: [{}]
  ingress:
    - from: [{podSelector: {}}]
    - ports: [{port: public}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: orderers, namespace: $namespace}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {kind: orderer}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: $namespace}
data:
  core.yaml: |
END
  sed 's|^|    |' "$folder/core.yaml"
}

# One node: its material, its data, what runs it, its names inside of the cluster and its port for users.
#   node NAME KIND IMAGE PORT NODE_PORT FOLDER VARIABLE=VALUE ...
node() {
  local name=$1 kind=$2 image=$3 own=$4 outside=$5 from=$6 file number=0 data="" items="" variables="" variable
  shift 6
  while IFS= read -r file; do
    data+="  f$number: $(base64 -w0 "$from/$file")"$'\n'
    items+="              - {key: f$number, path: \"$file\"}"$'\n'
    number=$((number + 1))
  done < <(cd "$from" && find msp tls -type f)
  for variable in "$@"; do
    variables+="            - {name: ${variable%%=*}, value: \"${variable#*=}\"}"$'\n'
  done
  cat <<END
---
apiVersion: v1
kind: Secret
metadata: {name: $name, namespace: $namespace}
immutable: true
data:
$data---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $name-data, namespace: $namespace}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Service
metadata: {name: $name, namespace: $namespace}
spec:
  publishNotReadyAddresses: true
  selector: {node: $name}
  ports: [{name: tcp, port: $own}]
---
apiVersion: v1
kind: Service
metadata: {name: $name-public, namespace: $namespace}
spec:
  type: NodePort
  selector: {node: $name}
  ports: [{name: tcp, port: $own, nodePort: $outside}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $name, namespace: $namespace}
spec:
  replicas: 1
  serviceName: $name
  podManagementPolicy: Parallel
  selector: {matchLabels: {node: $name}}
  template:
    metadata: {labels: {node: $name, kind: $kind}}
    spec:
      serviceAccountName: node
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext: {seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: node
          image: $image
          imagePullPolicy: IfNotPresent
          env:
$variables          ports: [{name: public, containerPort: $own}, {containerPort: 9443}]
          resources: {limits: {cpu: "2", memory: 1Gi}, requests: {cpu: 200m, memory: 512Mi}}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          startupProbe: {httpGet: {path: /healthz, port: 9443}, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 300}
          readinessProbe: {httpGet: {path: /healthz, port: 9443}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
          livenessProbe: {httpGet: {path: /healthz, port: 9443}, periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 6}
          volumeMounts:
            - {name: material, mountPath: /material, readOnly: true}
            - {name: settings, mountPath: /settings, readOnly: true}
            - {name: data, mountPath: /var/hyperledger/production}
      volumes:
        - name: material
          secret:
            secretName: $name
            items:
$items        - {name: settings, configMap: {name: settings}}
        - {name: data, persistentVolumeClaim: {claimName: $name-data}}
END
}

orderer() {
  node orderer0 orderer "$image_orderer" 7050 "$port" "$crypto/ordererOrganizations/bench/orderers/orderer0.bench" \
    FABRIC_LOGGING_SPEC=warn ORDERER_GENERAL_LISTENADDRESS=0.0.0.0 ORDERER_GENERAL_LISTENPORT=7050 \
    ORDERER_GENERAL_LOCALMSPID=OrdererMSP ORDERER_GENERAL_LOCALMSPDIR=/material/msp ORDERER_GENERAL_BOOTSTRAPMETHOD=none \
    ORDERER_GENERAL_TLS_ENABLED=true ORDERER_GENERAL_TLS_PRIVATEKEY=/material/tls/server.key \
    ORDERER_GENERAL_TLS_CERTIFICATE=/material/tls/server.crt 'ORDERER_GENERAL_TLS_ROOTCAS=[/material/tls/ca.crt]' \
    ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE=/material/tls/server.crt \
    ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY=/material/tls/server.key \
    'ORDERER_GENERAL_CLUSTER_ROOTCAS=[/material/tls/ca.crt]' ORDERER_CHANNELPARTICIPATION_ENABLED=true \
    ORDERER_ADMIN_LISTENADDRESS=0.0.0.0:7053 ORDERER_ADMIN_TLS_ENABLED=true \
    ORDERER_ADMIN_TLS_CERTIFICATE=/material/tls/server.crt ORDERER_ADMIN_TLS_PRIVATEKEY=/material/tls/server.key \
    'ORDERER_ADMIN_TLS_ROOTCAS=[/material/tls/ca.crt]' 'ORDERER_ADMIN_TLS_CLIENTROOTCAS=[/material/tls/ca.crt]' \
    ORDERER_OPERATIONS_LISTENADDRESS=0.0.0.0:9443
}

peer() {
  local number=$1 name=peer0-org$1
  node "$name" peer "$image_peer" 7051 $((port + number)) "$crypto/peerOrganizations/org$number.bench/peers/peer0.org$number.bench" \
    FABRIC_CFG_PATH=/settings FABRIC_LOGGING_SPEC=warn CORE_PEER_ID="$name" CORE_PEER_ADDRESS="$name:7051" \
    CORE_PEER_LISTENADDRESS=0.0.0.0:7051 CORE_PEER_CHAINCODEADDRESS="$name:7052" CORE_PEER_CHAINCODELISTENADDRESS=0.0.0.0:7052 \
    CORE_PEER_GOSSIP_BOOTSTRAP="$name:7051" CORE_PEER_GOSSIP_EXTERNALENDPOINT="$name:7051" \
    CORE_PEER_LOCALMSPID="Org${number}MSP" CORE_PEER_MSPCONFIGPATH=/material/msp CORE_PEER_TLS_ENABLED=true \
    CORE_PEER_TLS_CERT_FILE=/material/tls/server.crt CORE_PEER_TLS_KEY_FILE=/material/tls/server.key \
    CORE_PEER_TLS_ROOTCERT_FILE=/material/tls/ca.crt CORE_OPERATIONS_LISTENADDRESS=0.0.0.0:9443
}

# The way to the orderer's admin port, which no Service has. It ends when it finds nobody there yet, and is opened anew.
forward=
ensure_forward() {
  if [ -n "$forward" ] && kill -0 "$forward" 2>/dev/null; then return; fi
  # Not by the function: then it is the program itself that is ended, and not only a shell around it.
  kubectl --cache-dir "$folder-client" port-forward -n "$namespace" pod/orderer0-0 "$((port + 3)):7053" \
    >"$folder/forward.log" 2>&1 &
  forward=$!
}

join_orderer_forwarded() {
  ensure_forward
  join_orderer
}

up() {
  mkdir -p "$folder"
  address=$(client get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  local begin=$EPOCHREALTIME
  material
  { space; orderer; peer 1; peer 2; } >"$folder/network.yaml"
  client apply -f "$folder/network.yaml" >/dev/null
  client wait -n "$namespace" --for='jsonpath={.status.readyReplicas}=1' --timeout=120s statefulset --all >/dev/null
  trap '[ -z "$forward" ] || kill "$forward" 2>/dev/null || true' EXIT
  until_ok join_orderer_forwarded
  join_peers "$address:$port"
  echo "create $(since "$begin")"
}

down() {
  client delete namespace "$namespace" --ignore-not-found --timeout=180s >/dev/null
  rm -rf "$folder"
}

case $verb in
  up | down) "$verb" ;;
  *) sed -n '2,13p' "$0" >&2; exit 2 ;;
esac
