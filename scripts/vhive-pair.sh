#!/usr/bin/env bash
# Builds the measurement function and runs it twice on this machine, as a producer and a consumer on vHive: gRPC in
# clear, on the ports of endpoints/laptop/vHive.json. Ctrl-C stops both. PRODUCER_PORT and CONSUMER_PORT name other
# ports.
set -euo pipefail
cd "$(dirname "$0")/.."
producer=${PRODUCER_PORT:-50051} consumer=${CONSUMER_PORT:-50052}
command -v go >/dev/null ||
  { echo "vhive-pair: Go is not on the PATH (https://go.dev/dl); 1.24 or later is needed" >&2; exit 1; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for port in "$producer" "$consumer"; do
  if listens "$port"; then
    echo "vhive-pair: something listens on port $port already; set PRODUCER_PORT or CONSUMER_PORT," \
      "and edit the endpoints file" >&2
    exit 1
  fi
done

dir=$(mktemp -d) pids=()
stop() {
  trap - EXIT INT TERM HUP
  for pid in "${pids[@]+"${pids[@]}"}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$dir"
  exit "$1"
}
trap 'stop $?' EXIT
trap 'stop 0' INT TERM HUP

CGO_ENABLED=0 go build -trimpath -o "$dir/measure" ./raw-code/measure/go
for port in "$producer" "$consumer"; do
  PORT=$port STELLAR_HOST=127.0.0.1 "$dir/measure" &
  pids+=("$!")
done

alive() { kill -0 "${pids[0]}" 2>/dev/null && kill -0 "${pids[1]}" 2>/dev/null; }
until listens "$producer" && listens "$consumer"; do
  alive || { echo "vhive-pair: a function did not start" >&2; exit 1; }
  sleep 0.1
done
echo "producer on 127.0.0.1:$producer, consumer on 127.0.0.1:$consumer; Ctrl-C stops both. In another terminal:"
echo "  ./stellar -c experiments/vhive/chain.json -g endpoints/laptop"
while alive; do sleep 0.5; done
echo "vhive-pair: a function has ended" >&2
exit 1
