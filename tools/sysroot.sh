#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Unpacks libraries and headers out of Debian's arm64 packages into the cache.
#
#   tools/sysroot.sh fdt    $FIEF_CACHE/sysroot-arm64: libfdt, which the hypervisor is linked with
#   tools/sysroot.sh xen    $FIEF_CACHE/sysroot-xen-arm64: Xen's libraries, for dom0's programs
#
# Called by mk/sysroot.mk. Does nothing when it is there and was made by this very script.
. "$(dirname "$0")/apt-arm64.sh"

LIB=usr/lib/aarch64-linux-gnu
case "${1:-}" in
fdt) NAME=sysroot-arm64 PACKAGES=libfdt-dev WANTED=$LIB/libfdt.a ;;
xen) NAME=sysroot-xen-arm64 WANTED=$LIB/libxlutil.so
     PACKAGES="libxen-dev libxencall1 libxenmisc4.17 libxenstore4 libxentoolcore1 libxentoollog1" ;;
*) die "which one: fdt or xen?" ;;
esac

ROOT=$CACHE/$NAME
KEY=$(cat "$0" "$(dirname "$0")/apt-arm64.sh" | sha256sum | cut -d' ' -f1)
only_one "$NAME"
[ "$(cat "$ROOT/key" 2>/dev/null)" != "$KEY" ] || exit 0

apt_lists "${PACKAGES%% *}"
say "downloading for arm64: $PACKAGES"
DEBS=$CACHE/apt/$NAME
rm -rf "$DEBS" "$ROOT.new"
mkdir -p "$DEBS" "$ROOT.new"
# shellcheck disable=SC2086
(cd "$DEBS" && apt-get "${APT[@]}" download $PACKAGES >/dev/null) ||
    die "apt could not download for arm64: $PACKAGES; is the network there?"
for deb in "$DEBS"/*.deb; do
    unpack "$deb" "$ROOT.new"
done
[ -s "$ROOT.new/$WANTED" ] || die "$PACKAGES for arm64 hold no $WANTED"
echo "$KEY" >"$ROOT.new/key"
rm -rf "$ROOT"
mv "$ROOT.new" "$ROOT"
say "they are in $ROOT"
