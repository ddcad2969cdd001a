#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes dom0's initramfs: Debian's (tools/images.sh) and behind it an archive with the program fief,
# its manual page, its completion and its lines of the greeting. The kernel unpacks one after the other.
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
for part in "$PROGRAM" "$BASE" "$0" "$TOOLS"/images/greeting "$TOOLS"/fief/*; do
    [ "$OUT" -nt "$part" ] || current=no
done
[ $current = no ] || exit 0

R=$(mktemp -d)
trap 'rm -rf "$R"' EXIT
install -D -m 755 "$PROGRAM" "$R/usr/sbin/fief"
install -D -m 644 "$TOOLS/fief/fief.1" "$R/usr/share/man/man1/fief.1"
install -D -m 644 "$TOOLS/fief/completion" "$R/usr/share/bash-completion/completions/fief"
mkdir "$R/etc"
cat "$TOOLS/images/greeting" "$TOOLS/fief/greeting" >"$R/etc/greeting"
find "$R" -exec touch -h -d @1700000000 {} +
(cd "$R" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$R.cpio"
cat "$BASE" "$R.cpio" >"$OUT.new"
rm -f "$R.cpio"
mv "$OUT.new" "$OUT"
