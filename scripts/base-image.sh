#!/usr/bin/env bash
# Makes a base image for BaseImage from Debian packages, for machines without a registry:
#   scripts/base-image.sh NAME PACKAGE...
#   scripts/base-image.sh stellar-base:python python3
# Needs root, debootstrap and a Docker Engine. DEBIAN_SUITE (default bookworm) and DEBIAN_MIRROR (default Debian's own,
# or that of this machine's /etc/apt where it is a Debian one) say what is taken from where.
set -euo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,6p' "$0" | sed 's/^# \{0,1\}//' >&2
  exit 2
fi
name=$1
shift
if [ "$(id -u)" -ne 0 ]; then
  echo "debootstrap needs root: sudo $0 $name $*" >&2
  exit 2
fi
for tool in debootstrap docker; do
  command -v "$tool" >/dev/null ||
    { echo "$tool is not on the PATH: apt-get install ${tool/%docker/docker.io}" >&2; exit 2; }
done
docker version >/dev/null 2>&1 || { echo "no Docker Engine answers: start one (sudo dockerd)" >&2; exit 2; }

suite=${DEBIAN_SUITE:-bookworm}
mirror=${DEBIAN_MIRROR:-}
if [ -z "$mirror" ] && grep -qs '^ID=debian' /etc/os-release; then
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(SUITE) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '($2 == suite || $3 == suite) && /^https?:/ && !seen++ {print $1}' || true)
fi
mirror=${mirror:-http://deb.debian.org/debian}
work=$(mktemp -d)
clean() {
  umount "$work/root/proc" "$work/root/sys" 2>/dev/null || true # where debootstrap was stopped
  rm -rf --one-file-system "$work"
}
trap clean EXIT
include=$(IFS=,; echo "ca-certificates,$*")

echo "debootstrap $suite with $*" >&2
if ! debootstrap --variant=minbase --include="$include" "$suite" "$work/root" "$mirror" >"$work/log" 2>&1; then
  tail -n 20 "$work/log" >&2
  [ -f "$work/root/debootstrap/debootstrap.log" ] && tail -n 20 "$work/root/debootstrap/debootstrap.log" >&2
  echo "debootstrap failed" >&2
  exit 1
fi
# What no function reads.
rm -rf "$work/root"/var/cache/apt/* "$work/root"/var/lib/apt/lists/* "$work/root"/usr/share/{doc,man,locale,info}/* \
  "$work/root"/var/log/* "$work/root"/tmp/*
tar --create --directory "$work/root" --sort=name --numeric-owner --one-file-system . |
  docker import --change 'CMD ["/bin/sh"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV LANG=C.UTF-8' - "$name" >/dev/null
echo "$name"
