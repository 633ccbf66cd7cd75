#!/bin/sh
# Wire Falco to Port and give Falcosidekick, in Kubernetes, the webhook to send to.
# Safe to run again and again: what is right already is left alone.
#
# Needs: falcoport, python3, and kubectl with a context of the cluster.
# Set:   PORT_CLIENT_ID, PORT_CLIENT_SECRET   Port credentials
#        FALCOPORT_WEBHOOK_SECRET             what Falcosidekick proves itself with, such as the
#                                             output of: openssl rand -hex 32
# May be set: PORT_REGION                     eu (default) or us
#        FALCO_NAMESPACE                      where Falco is installed (default: falco)
#        FALCO_WEBHOOK_ID                     one per cluster (default: falco_alert_mapper)
set -eu

: "${FALCOPORT_WEBHOOK_SECRET:?is not set: Port does not give a webhook secret back, so keep one}"
namespace=${FALCO_NAMESPACE:-falco}
webhook=${FALCO_WEBHOOK_ID:-falco_alert_mapper}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The envelope on stdout says what happened also where it failed.
falcoport setup --secure --webhook-id "$webhook" -o json >"$work/setup.json" || {
    code=$?
    cat "$work/setup.json" >&2
    exit "$code"
}
url=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["data"]["webhook_url"])' \
    <"$work/setup.json")
echo "Port listens at ${url%/*}/…"

falcoport show-url --webhook-id "$webhook" --format k8s-secret --kube-namespace "$namespace" \
    --quiet -f "$work/secret.yaml"
kubectl create namespace "$namespace" --dry-run=client -o yaml >"$work/namespace.yaml"
kubectl apply -f "$work/namespace.yaml"
applied=$(kubectl apply -f "$work/secret.yaml")
echo "$applied"

# Pods read a Secret when they start, and the chart does not watch one that is not its own.
deployment=deployment/falco-falcosidekick
case $applied in
*unchanged*) ;;
*)
    if kubectl -n "$namespace" get "$deployment" >"$work/found" 2>&1; then
        kubectl -n "$namespace" rollout restart "$deployment"
    fi
    ;;
esac
