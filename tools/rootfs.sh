#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes what the test of a guest that is installed on a disk needs, in $FIEF_CACHE/root:
#   root.tar     a small Debian root: base-files, bash, the C library, busybox
#   mount.cpio   goes behind the guest's initramfs: an /init that mounts a disk, and ext4
# Called by make system-test (mk/run.mk). Made once; made again when this script, the kernel of the
# images or one of the files in it changes.
TOOLS=$(cd "$(dirname "$0")" && pwd)
. "$TOOLS/apt-arm64.sh"

OUT=$CACHE/root
only_one root
KERNEL=$(sed -n 's/^\(linux-image-[^_]*\)_\([^_]*\)_arm64.deb$/\1=\2/p' "$CACHE/images/versions.txt")
[ -n "$KERNEL" ] || die "$CACHE/images/versions.txt names no kernel; \`make images\` makes it"
KEY=$( (cat "$0" "$TOOLS/apt-arm64.sh" "$TOOLS"/images/{modules.py,power} "$TOOLS"/root/*
        echo "$KERNEL") | sha256sum | cut -d' ' -f1)
[ "$(cat "$OUT/key" 2>/dev/null)" != "$KEY" ] || exit 0

PACKAGES="base-files bash busybox-static libc6 libtinfo6"
# What makes the file system runs in the initramfs.
MKFS="e2fsprogs libblkid1 libcom-err2 libext2fs2 libuuid1"
WORK=$CACHE/root-work
rm -rf "$WORK"
mkdir -p "$WORK"/{debs,kern,mkfs/usr/{sbin,lib},root/usr/{bin,sbin,lib},mount/usr/{bin,sbin},out}
apt_lists base-files
say "downloading ${KERNEL/=/ } and: $PACKAGES $MKFS"
# shellcheck disable=SC2086
(cd "$WORK/debs" && apt-get "${APT[@]}" download "${KERNEL//%3a/:}" $PACKAGES $MKFS >/dev/null) ||
    die "apt could not download all packages; is the network there? Or the mirror has a newer" \
        "kernel than $CACHE/images, then remove that folder. Try again."

say "making the root file system"
R=$WORK/root
for link in bin sbin lib; do ln -s usr/$link "$R/$link"; done
for name in $PACKAGES; do unpack "$WORK/debs/$name"_*.deb "$R"; done
rm -rf "$R"/usr/share/{doc,man,locale,info,lintian} "$R"/usr/lib/aarch64-linux-gnu/gconv
for name in cat cttyhack dd dmesg grep hostname ls mkdir mount rm setsid sh sha256sum sleep sync umount; do
    [ -e "$R/bin/$name" ] || ln -s busybox "$R/bin/$name"
done
install -m 755 "$TOOLS/images/power" "$R/sbin/poweroff"
install -m 755 "$TOOLS/images/power" "$R/sbin/reboot"
install -m 755 "$TOOLS/root/sbin-init" "$R/sbin/init"
mkdir -p "$R"/{dev,proc,sys,tmp,run,root}
tar -C "$R" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1700000000 \
    -cf "$WORK/out/root.tar" .

say "making the initramfs that mounts it"
unpack "$WORK"/debs/linux-image-*.deb "$WORK/kern"
M=$WORK/mount
install -m 755 "$TOOLS/root/init" "$M/init"
ln -s busybox "$M/usr/bin/switch_root"
for link in sbin lib; do ln -s usr/$link "$WORK/mkfs/$link"; done
for name in $MKFS; do unpack "$WORK/debs/$name"_*.deb "$WORK/mkfs"; done
LIB=usr/lib/aarch64-linux-gnu
mkdir -p "$M/$LIB"
cp -P "$R/$LIB"/libc.so.6 "$R/$LIB"/libpthread.so.0 "$WORK/mkfs/$LIB"/lib{blkid,com_err,e2p,ext2fs,uuid}.so.* \
   "$M/$LIB"
cp -P "$R"/usr/lib/ld-linux-aarch64.so.1 "$M/usr/lib"
cp -P "$R/$LIB"/ld-linux-aarch64.so.1 "$M/$LIB" 2>/dev/null || true
cp "$WORK/mkfs/usr/sbin/mke2fs" "$M/usr/sbin/"
python3 "$TOOLS/images/modules.py" "$WORK/kern/lib/modules" "$M/usr/lib/modules" \
    xen-netfront xen-blkfront ext4 crc32c_generic
find "$M" -exec touch -h -d @1700000000 {} +
(cd "$M" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$WORK/out/mount.cpio"

echo "$KEY" >"$WORK/out/key"
rm -rf "$OUT"
mv "$WORK/out" "$OUT"
rm -rf "$WORK"
say "the root file system is in $OUT"
