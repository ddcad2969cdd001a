#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Unpacks Debian's arm64 libfdt (static library and headers) into the cache, as
# $FIEF_CACHE/sysroot-arm64. Called by mk/sysroot.mk. Does nothing when it is there and was made by
# this very script.
. "$(dirname "$0")/apt-arm64.sh"

ROOT=$CACHE/sysroot-arm64
KEY=$(cat "$0" "$(dirname "$0")/apt-arm64.sh" | sha256sum | cut -d' ' -f1)
only_one sysroot
[ "$(cat "$ROOT/key" 2>/dev/null)" != "$KEY" ] || exit 0

apt_lists libfdt-dev
say "downloading libfdt-dev for arm64"
DEBS=$CACHE/apt/sysroot
rm -rf "$DEBS" "$ROOT.new"
mkdir -p "$DEBS" "$ROOT.new"
(cd "$DEBS" && apt-get "${APT[@]}" download libfdt-dev >/dev/null) ||
    die "apt could not download libfdt-dev for arm64; is the network there?"
unpack "$DEBS"/libfdt-dev_*.deb "$ROOT.new"
[ -s "$ROOT.new/usr/lib/aarch64-linux-gnu/libfdt.a" ] ||
    die "libfdt-dev for arm64 holds no libfdt.a: $(ls "$DEBS")"
echo "$KEY" >"$ROOT.new/key"
rm -rf "$ROOT"
mv "$ROOT.new" "$ROOT"
say "arm64 libfdt is in $ROOT"
