#!/bin/sh
# Makes the append-only file of an empty data directory out of a backup: valkey-restore.sh DUMP.RDB DATA_DIRECTORY
# A server that is started with an append-only file and finds none would begin empty, whatever dump lies beside it.
set -eu

dump=$1
directory=$2
socket="$directory/restore.sock"
ask() { "${STORE_CLI:-valkey-cli}" -s "$socket" "$@"; }

if [ -e "$directory/appendonlydir" ]; then
    echo "$directory already has an append-only file: move it away first" >&2
    exit 1
fi
[ "$dump" -ef "$directory/dump.rdb" ] || cp "$dump" "$directory/dump.rdb"
"${STORE_SERVER:-valkey-server}" --dir "$directory" --port 0 --unixsocket "$socket" --save "" --appendonly no \
    --maxmemory-policy noeviction --loglevel warning &
server=$!
until [ "$(ask ping 2>/dev/null)" = PONG ]; do
    kill -0 "$server"
    sleep 0.2
done
ask config set appendonly yes
while ask info persistence | grep -Eq '^aof_rewrite_(in_progress|scheduled):1'; do
    sleep 0.2
done
ask info persistence | grep -q '^aof_last_bgrewrite_status:ok'
echo "keys: $(ask dbsize)"
ask shutdown nosave
wait "$server"
rm -f "$directory/dump.rdb"
