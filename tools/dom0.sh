#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes dom0's initramfs: Debian's (tools/images.sh) and behind it an archive with the program fief,
# its manual page, its completion, its lines of the greeting, and what a tenant with a dom0 of its
# own is made from (tools/tenant/). The kernel unpacks one after the other.
#
#   tools/dom0.sh PROGRAM OUT
#
# Called by mk/tools.mk. Does nothing when OUT is newer than all that goes into it.
set -euo pipefail
umask 022
TOOLS=$(cd "$(dirname "$0")" && pwd)
PROGRAM=$1
OUT=$2
BASE=${FIEF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fief}/images/dom0.cpio

current=yes
for part in "$PROGRAM" "$BASE" "$0" "$TOOLS"/images/greeting "$TOOLS"/fief/* \
            "$TOOLS"/tenant/*; do
    [ "$OUT" -nt "$part" ] || current=no
done
[ $current = no ] || exit 0

R=$(mktemp -d)
trap 'rm -rf "$R"' EXIT
install -D -m 755 "$PROGRAM" "$R/usr/sbin/fief"
install -D -m 644 "$TOOLS/fief/fief.1" "$R/usr/share/man/man1/fief.1"
install -D -m 644 "$TOOLS/fief/completion" "$R/usr/share/bash-completion/completions/fief"
install -m 755 "$TOOLS/tenant/tenant-image" "$R/usr/sbin/tenant-image"
mkdir "$R/etc" "$R/domu"
for name in tenant tenant2; do
    sed "s/\"tenant\"/\"$name\"/; s/tenant\.cpio/$name.cpio/; s/image tenant/image $name/" \
        "$TOOLS/tenant/tenant.cfg" >"$R/domu/$name.cfg"
done
# the clock has no address, as libxl would copy no other node than /passthrough for it
dtc -q -W no-simple_bus_reg -O dtb -o "$R/domu/clock.dtb" "$TOOLS/tenant/clock.dts"
cat "$TOOLS/images/greeting" "$TOOLS/fief/greeting" "$TOOLS/tenant/greeting" >"$R/etc/greeting"
find "$R" -exec touch -h -d @1700000000 {} +
(cd "$R" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$R.cpio"
cat "$BASE" "$R.cpio" >"$OUT.new"
rm -f "$R.cpio"
mv "$OUT.new" "$OUT"
