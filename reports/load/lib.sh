# What the scripts beside this file share: the server built for production, one on this machine at a time.

cargo build --quiet --profile production --package server --bin server
server=target/production/server
address="127.0.0.1:${PORT:-18080}"
ticks=$(getconf CLK_TCK)
scratch=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill "$running"; rm -rf "$scratch"' EXIT

start() { # data, architecture, further options: it listens, and its process is $running
    local data=$1 architecture=$2
    shift 2
    # one connection that submits a hundred bundles a request has four clients: none of them is held back
    "$server" run --architecture "$architecture" --data "$data/server" --listen "$address" --client-rate 1000000 "$@" \
        >"$data/log" 2>&1 &
    running=$!
    until curl --silent --fail --output /dev/null "http://$address/ready"; do sleep 0.05; done
}

stop() {
    kill "$running"
    wait "$running" || true
    running=
}

processor_s() { # the processor time that the server has taken, in seconds
    awk -v ticks="$ticks" '{ printf "%.3f", ($14 + $15) / ticks }' "/proc/$running/stat"
}

load() { # data, further options: one load, whose row goes to the file row.csv there
    local data=$1
    shift
    "$server" load --server "http://$address" --readers 64 --csv "$data/row.csv" "$@" >"$data/said" 2>&1 ||
        { cat "$data/said" >&2; exit 1; }
}
