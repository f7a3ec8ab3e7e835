# The relay of pkg/outbox on the PostgreSQL driver's own tables, which its migration makes.
SHAPE=murmuration
prepare() { "$BIN/relaypeer" -prepare; }
start() { exec "$BIN/relaypeer" ${RELAY_ARGS:-}; }
