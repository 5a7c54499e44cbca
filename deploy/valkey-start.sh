#!/bin/sh
# Puts the passwords' hashes into the list of users and becomes the store. The passwords themselves are written nowhere.
# Arguments are given to the server, --dir among them.
set -eu

long_enough() {
    if [ -n "$2" ] && [ "${#2}" -lt 16 ]; then
        echo "$1: at least 16 characters, so that nobody guesses it; make one: openssl rand -hex 32" >&2
        exit 2
    fi
}
hash_of() { printf '%s' "$1" | sha256sum | cut -c1-64; }

: "${STORE_PASSWORD:?must be set, best with: openssl rand -hex 32}"
long_enough STORE_PASSWORD "$STORE_PASSWORD"
long_enough STORE_OPERATOR_PASSWORD "${STORE_OPERATOR_PASSWORD:-}"
nobody_knows=$(head -c 32 /dev/urandom | sha256sum)
users="${STORE_RUN_DIR:-/run/valkey}/users.acl"

umask 077
sed -e '/^#/d' \
    -e "s/%STORE_PASSWORD_SHA256%/$(hash_of "$STORE_PASSWORD")/" \
    -e "s/%OPERATOR_PASSWORD_SHA256%/$(hash_of "${STORE_OPERATOR_PASSWORD:-$nobody_knows}")/" \
    "$(dirname "$0")/valkey-users.acl" > "$users"
unset STORE_PASSWORD STORE_OPERATOR_PASSWORD
exec "${STORE_SERVER:-valkey-server}" "$(dirname "$0")/valkey.conf" --aclfile "$users" "$@"
