#!/usr/bin/env bash
# What the tests need beyond Go, Node.js and Python 3: toolchains, a Docker Engine that answers, a base image. Installs
# what is missing with apt (as root), names what it cannot install, and does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A package=([zip]=zip [unzip]=unzip [docker]=docker.io [dockerd]=docker.io [docker-registry]=docker-registry
  [debootstrap]=debootstrap [ruby]=ruby [javac]=default-jdk-headless [mvn]=maven [gradle]=gradle
  [nginx]=nginx-light [chromium]=chromium)
missing=()
for tool in "${!package[@]}"; do
  command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
done
if ! command -v cargo >/dev/null && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
  missing+=(cargo)
fi
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "the tests need, and this script may not install: ${missing[*]} (names of Debian packages)" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  # Debian starts the web server that it installs. The tests start their own.
  if [[ " ${missing[*]} " == *" nginx-light "* ]]; then
    if [ -d /run/systemd/system ]; then
      systemctl disable --now --quiet nginx || true
    elif [ -s /run/nginx.pid ]; then
      nginx -s quit
    fi
  fi
fi

# The relay that delays, cuts and resets connections between the probe and a server whose delays are known.
toxiproxy=v2.12.0
if ! go version -m bin/toxiproxy-server 2>/dev/null | grep -q "toxiproxy/v2[[:space:]]$toxiproxy\b"; then
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
  GOBIN="$tools" GOFLAGS=-mod=mod go install -trimpath "github.com/Shopify/toxiproxy/v2/cmd/server@$toxiproxy"
  mkdir -p bin
  mv "$tools/server" bin/toxiproxy-server
fi

# venv NAME: what scripts/NAME/requirements.txt pins, in bin/NAME.
venv() {
  local dir=bin/$1 pinned=scripts/$1/requirements.txt
  if cmp -s "$pinned" "$dir/installed.txt"; then
    return
  fi
  rm -rf "$dir"
  if ! python3 -m venv "$dir" 2>/dev/null; then # Debian's Python comes without it
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    rm -rf "$dir"
    python3 -m venv "$dir"
  fi
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pinned"
  cp "$pinned" "$dir/installed.txt"
}

# The emulator of AWS that the real Serverless CLI deploys to: CloudFormation, Lambda with functions that run, HTTP
# APIs.
venv aws-emulator

# boto3 and the AWS CLI, which call the local platform as they call Lambda.
venv aws-clients

# The library that Azure's Python workers give to functions: with it these are called as they are there.
azure_functions=1.26.0
if [ ! -d "bin/azure-functions/azure_functions-$azure_functions.dist-info" ]; then
  rm -rf bin/azure-functions
  python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
    --target bin/azure-functions "azure-functions==$azure_functions"
fi

if ! docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "no Docker Engine answers: start one (sudo systemctl start docker, or sudo dockerd)" >&2
    exit 1
  fi
  log=${XDG_CACHE_HOME:-$HOME/.cache}/stellar-acceptance/dockerd.log # of the last start
  mkdir -p "${log%/*}"
  # The Engine starts itself again for each layer that it unpacks. With less garbage collection such a start takes a
  # quarter less processor time.
  GOGC=${GOGC:-800} GOMEMLIMIT=${GOMEMLIMIT:-1GiB} setsid dockerd >"$log" 2>&1 &
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && break
    sleep 0.5
  done
  if ! docker version >/dev/null 2>&1; then
    echo "dockerd does not start; its last words:" >&2
    tail -n 20 "$log" >&2
    exit 1
  fi
fi

# A plain base with every interpreter, made from Debian packages: no registry is needed.
if ! docker image inspect stellar-base:debian >/dev/null 2>&1; then
  ./scripts/base-image.sh stellar-base:debian python3 nodejs ruby default-jre-headless
fi
