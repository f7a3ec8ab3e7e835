#!/usr/bin/env bash
# peers.sh WORK: measures the relay beside other ways from an outbox table to
# Kafka, on one PostgreSQL and one broker of its own, and prints the table.
#
# The bench is not part of this repository: BENCH is its folder (README.md there
# says what is measured, and how). This script copies it, adds the relay as one
# more peer, starts the servers, runs the peers, and stops the servers. It needs
# Go, psql and PostgreSQL's server programs, Java, jq, and root for cgroups (v1)
# that tell the processor time of each part.
#
#   BENCH       the bench's folder           (../shared/bench/peers)
#   PEERS       what to run, as PEER[:MODE[,MODE…][:REPETITIONS]]…
#   KAFKA_LIBS  the jars of Apache Kafka     (taken out of KAFKA_IMAGE)
#   PGBIN       the folder of postgres       (/usr/lib/postgresql/15/bin)
#   PG_PORT, KAFKA_PORT                      (25432, 29092)
#   QUIET       a window begins once the machine is this busy at most, in percent,
#               or after a minute            (20)
set -euo pipefail
work=$(realpath -m "$1")
here=$(cd "$(dirname "$0")" && pwd)
BENCH=${BENCH:-$here/../../../shared/bench/peers}
# A peer is killed after two to five sixths of the events, a sixth later each time,
# so four kills are one round. What comes first warms the broker.
kills="murmuration:kill:4"
PEERS=${PEERS:-lb-eo:drain,kill:3 lb-eo-pace4:steady:3 murmuration:steady,drain:3 $kills $kills $kills $kills $kills}
if [ ! -f "$BENCH/all.sh" ]; then
	echo "bench-peers: NOT RUN, since the bench is not in $BENCH."
	echo "Say where it is: make bench-peers BENCH=/path/to/bench/peers"
	exit 0
fi
export WORK=$work/run BIN=$work/bin KAFKA_LIBS=${KAFKA_LIBS:-$work/kafka-libs}
export PGBIN=${PGBIN:-/usr/lib/postgresql/15/bin} QUIET=${QUIET:-20}
pg=${PG_PORT:-25432} kafka=${KAFKA_PORT:-29092}

for port in "$pg" "$kafka"; do
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		echo "bench-peers: port $port is taken; choose with PG_PORT and KAFKA_PORT" >&2
		exit 1
	fi
done
rm -rf "$work/bench" "$WORK"
mkdir -p "$work" "$BIN" "$WORK"
cp -r "$BENCH" "$work/bench"
rm -f "$work/bench/results.jsonl"
cp "$here"/testdata/shape/*.go "$work/bench/internal/shape/"
cp "$here"/testdata/peers/*.sh "$work/bench/peers/"
sed -i "s/25432/$pg/g; s/29092/$kafka/g; s/29093/$((kafka + 1))/g" "$work/bench/servers.sh"
if [ ! -d "$KAFKA_LIBS" ]; then
	container=$(docker create "${KAFKA_IMAGE:-apache/kafka:4.3.1}")
	docker cp -q "$container:/opt/kafka/libs" "$KAFKA_LIBS"
	docker rm "$container" >/dev/null
fi
(cd "$here/.." && go build -o "$BIN/" ./bench/relaypeer)
(cd "$work/bench" && GOWORK=off go build -o "$BIN/" ./cmd/writer ./cmd/checker ./cmd/lowerbound ./cmd/lowerwal)

group=/sys/fs/cgroup/cpuacct/murmuration-bench
if mkdir -p "$group" 2>/dev/null && [ -e "$group/cpuacct.usage" ]; then export CG=$group; fi
stop() {
	"$work/bench/servers.sh" stop >/dev/null 2>&1 || true
}
trap stop EXIT
eval "$("$work/bench/servers.sh" start)"
export PG_DSN KAFKA
read -ra specs <<<"$PEERS"
"$work/bench/all.sh" "$work/bench/results.jsonl" "${specs[@]}"
python3 "$work/bench/report.py" "$work/bench/results.jsonl" "${FOREIGN:-25}"
cat "$work/bench/results.jsonl.err" 2>/dev/null | grep '^failed' || true
