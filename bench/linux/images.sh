#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the bench's initramfs for dom0, DOM0 with an archive of ours behind it, and its guest's.
#
#   bench/linux/images.sh DOM0 MARK GUEST OUT      DOM0: cpio, GUEST: bare-metal image, OUT: cpio
set -euo pipefail
umask 022
HERE=$(cd "$(dirname "$0")" && pwd)
DOM0=$1 MARK=$2 GUEST=$3 OUT=$4
DOMU=${FIEF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fief}/images/domu.cpio.gz

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# archive ROOT FILE
archive() {
    find "$1" -exec touch -h -d @1700000000 {} +
    (cd "$1" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$2"
}

install -D -m 755 "$MARK" "$WORK/domu/bench/mark"
install -m 755 "$HERE/domu-init" "$WORK/domu/bench/init"
install -m 755 "$HERE/work-init" "$WORK/domu/bench/work-init"
archive "$WORK/domu" "$WORK/domu.cpio"
install -D -m 755 "$MARK" "$WORK/dom0/bench/mark"
install -m 755 "$HERE"/*-init "$WORK/dom0/bench/"
install -m 644 "$HERE/common" "$WORK/dom0/bench/common"
install -m 644 "$GUEST" "$WORK/dom0/bench/ops.bin"
(gzip -dc "$DOMU" && cat "$WORK/domu.cpio") >"$WORK/dom0/bench/domu.cpio"
# linux NAME INIT [LINE]: a guest with Debian's kernel that begins with /bench/INIT
linux() {
    cat >"$WORK/dom0/bench/$1.cfg" <<END
name="$1"
kernel="/domu/Image"
ramdisk="/bench/domu.cpio"
extra="console=hvc0 rdinit=/bench/$2 nokaslr"
memory=192
vcpus=1
acpi=0
${3-}
END
}
linux guest init
linux work work-init 'disk=["phy:/dev/vda,xvda,w"]'
for name in ops peer; do
    cat >"$WORK/dom0/bench/$name.cfg" <<END
name="$name"
kernel="/bench/ops.bin"
extra="bench.$name"
memory=64
vcpus=2
acpi=0
END
done
archive "$WORK/dom0" "$WORK/dom0.cpio"
cat "$DOM0" "$WORK/dom0.cpio" >"$OUT.new"
mv "$OUT.new" "$OUT"
