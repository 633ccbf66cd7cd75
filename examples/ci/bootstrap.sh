#!/bin/sh
# Wire Falco to Port and give Falcosidekick, in Kubernetes, the webhook to send to.
# Safe to run again and again: what is as it should be is left alone, and pods restart only when
# what they read has changed. A new FALCOPORT_WEBHOOK_SECRET is a rotation that loses no alert.
#
# Needs: falcoport, and kubectl with a context of the cluster.
# Set:   PORT_CLIENT_ID, PORT_CLIENT_SECRET   Port credentials
#        FALCOPORT_WEBHOOK_SECRET             what Falcosidekick proves itself with, such as the
#                                             output of: openssl rand -hex 32
# May be set: PORT_REGION                     eu (default) or us
#        FALCO_NAMESPACE                      where Falco is installed (default: falco)
#        FALCO_WEBHOOK_ID                     one per cluster (default: falco_alert_mapper; at most
#                                             28 characters);
#                                             FALCO_WEBHOOK_ID with _b behind it is used in turn
#        FALCOSIDEKICK_URL                    where Falcosidekick can be reached from here, to
#                                             prove the whole chain rather than Port's half of it
#        FALCO_DRAIN_SECONDS                  how long pods that stop may still send (default: 30)
#        ROLLOUT_TIMEOUT                      how long a roll-out may take (default: 5m)
set -eu

: "${PORT_CLIENT_ID:?is not set}"
: "${PORT_CLIENT_SECRET:?is not set}"
: "${FALCOPORT_WEBHOOK_SECRET:?is not set: Port does not give a webhook secret back, so keep one}"
namespace=${FALCO_NAMESPACE:-falco}
base=${FALCO_WEBHOOK_ID:-falco_alert_mapper}
secret=falcosidekick-webhook
selector=app.kubernetes.io/name=falcosidekick,app.kubernetes.io/component=core

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

kubectl create namespace "$namespace" --dry-run=client -o yaml >"$work/namespace.yaml"
kubectl apply -f "$work/namespace.yaml"

# Port keeps one secret per webhook. For another secret there is a second webhook beside the first,
# with the same mapping, until no pod sends to the first any more.
read_secret() {
    kubectl -n "$namespace" get secret "$secret" --ignore-not-found -o "jsonpath={$1}"
}
webhook=$(read_secret '.metadata.annotations.falcoport/webhook-id')
webhook=${webhook:-$base}
header=$(read_secret .data.WEBHOOK_CUSTOMHEADERS | base64 -d)
case $webhook in
*_b) other=${webhook%_b} ;;
*) other=${webhook}_b ;;
esac
if [ -n "$header" ] && [ "${header#*:}" != "$FALCOPORT_WEBHOOK_SECRET" ]; then
    retired=$webhook webhook=$other
else
    retired=$other
fi

# The envelope on stdout says what happened also where it failed.
falcoport setup --rotate-secret --webhook-id "$webhook" -o json >"$work/setup.json" || {
    code=$?
    cat "$work/setup.json" >&2
    exit "$code"
}
url=$(falcoport show-url --webhook-id "$webhook" --quiet)
echo "Port listens at ${url%/*}/…"

falcoport show-url --webhook-id "$webhook" --format k8s-secret --secret-name "$secret" \
    --kube-namespace "$namespace" --annotation "falcoport/webhook-id=$webhook" \
    --quiet -f "$work/secret.yaml"
kubectl apply -f "$work/secret.yaml"

# Pods read a Secret when they start, and the chart does not watch one that is not its own. Each
# Deployment remembers what it was restarted for, so that a run that was cut goes on.
sum=$(kubectl -n "$namespace" get secret "$secret" -o 'jsonpath={.data}' | sha256sum | cut -c 1-64)
kubectl -n "$namespace" get deployments -l "$selector" -o name >"$work/deployments"
while read -r deployment; do
    seen=$(kubectl -n "$namespace" get "$deployment" \
        -o 'jsonpath={.metadata.annotations.falcoport/secret-sum}')
    if [ "$seen" != "$sum" ]; then
        kubectl -n "$namespace" rollout restart "$deployment"
        kubectl -n "$namespace" annotate --overwrite "$deployment" "falcoport/secret-sum=$sum"
    fi
    kubectl -n "$namespace" rollout status "$deployment" --timeout="${ROLLOUT_TIMEOUT:-5m}"
done <"$work/deployments"

# The proof: an alert that arrives, and is removed again.
set -- --webhook-id "$webhook" --sample sensitive-file-on-host --cleanup
if [ -n "${FALCOSIDEKICK_URL:-}" ]; then
    set -- "$@" --via "$FALCOSIDEKICK_URL"
fi
falcoport send-test "$@"

# The other webhook is gone once no pod can send to it.
if falcoport show-url --webhook-id "$retired" --quiet >"$work/retired" 2>&1; then
    sleep "${FALCO_DRAIN_SECONDS:-30}"
    falcoport teardown --keep-blueprint --webhook-id "$retired" --yes
fi
