#!/bin/sh
# release.sh VERSION [FOLDER]: the files of a release, such as `scripts/release.sh v1.2.3`, into dist/ or FOLDER.
# The same commit and the same version of Go give the same bytes. SOURCE_DATE_EPOCH sets the files' time; without it,
# it is the commit's. CERTS names the CA certificates of the images.
set -eu
cd "$(dirname "$0")/.."
version=${1:?name the version, such as v1.2.3}
exec go run ./scripts/release -out "${2:-dist}" -certs "${CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$version"
