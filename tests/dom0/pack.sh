#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the initramfs of the system tests' dom0: dom0's own with one more archive behind it.
#
#   tests/dom0/pack.sh DOM0.CPIO PROGRAM GUESTS OUT    GUESTS: directory of bare-metal images
#
# Called by tests/dom0/dom0.mk. Does nothing when OUT is newer than all that goes into it.
set -euo pipefail
umask 022
BASE=$1 PROGRAM=$2 GUESTS=$3 OUT=$4

current=yes
for part in "$BASE" "$PROGRAM" "$0" "$GUESTS"/*.bin; do
    [ "$OUT" -nt "$part" ] || current=no
done
[ $current = no ] || exit 0

R=$(mktemp -d)
trap 'rm -rf "$R"' EXIT
install -D -m 755 "$PROGRAM" "$R/usr/sbin/attack"
install -D -m 644 -t "$R/test" "$GUESTS"/*.bin
find "$R" -exec touch -h -d @1700000000 {} +
(cd "$R" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$R.cpio"
cat "$BASE" "$R.cpio" >"$OUT.new"
rm -f "$R.cpio"
mv "$OUT.new" "$OUT"
