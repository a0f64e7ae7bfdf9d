#!/bin/sh
# Make certificates and a token for trying TLS: an authority, one certificate for a cloud, one for an edge.
#
#   deploy/make_test_certificates.sh FOLDER [NAME_OR_ADDRESS ...]
#
# The cloud's certificate is for localhost, 127.0.0.1 and ::1, and for the names and addresses given. FOLDER gets
#
#   ca.pem                  the authority's:   dads cloud --tls-client-ca   dads edge --tls-ca
#   cloud.pem, cloud.key    the cloud's:       dads cloud --tls-cert --tls-key
#   edge.pem, edge.key      an edge's:         dads edge --tls-cert --tls-key
#   token                   a shared secret:   dads cloud --token-file      dads edge --token-file
#
# For tests only: the certificates expire after DAYS (7), and the authority's key is deleted, so none can be revoked or
# renewed. Run it again to make new ones; with the same folder, a running cloud reloads its certificate by itself.
# Needs openssl 1.1.1 or newer.
set -eu
umask 077

if [ $# -lt 1 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2
    exit 2
fi
folder=$1
shift
days=${DAYS:-7}
names=DNS:localhost,IP:127.0.0.1,IP:::1
for name in "$@"; do
    case $name in
        *:* | *[0-9].[0-9]*.[0-9]*.[0-9]*) names=$names,IP:$name ;;
        *) names=$names,DNS:$name ;;
    esac
done
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$days" \
    -subj "/O=dads tests only/CN=dads test authority" -addext keyUsage=critical,keyCertSign \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

# issue NAME USAGE ALTERNATIVE_NAMES
issue() {
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectAltName=%s\n' \
        "$2" "$3" >"$work/extensions"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=dads tests only/CN=$1" \
        -keyout "$work/$1.key" -out "$work/$1.csr" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days "$days" \
        -extfile "$work/extensions" -out "$work/$1.pem" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
}
issue cloud serverAuth "$names"
issue edge clientAuth DNS:edge
openssl rand -hex 32 >"$work/token"

for file in ca.pem edge.key edge.pem token cloud.key cloud.pem; do
    mv "$work/$file" "$folder/$file"
done
echo "made certificates for tests in $folder, valid for $days days, for ${names}"
