#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes what QEMU boots, out of Debian 12's arm64 packages, in $FIEF_CACHE/images:
#   Image          Debian's kernel, for dom0 and for guests
#   Image.config   its configuration
#   dom0.cpio      dom0's root: busybox, bash, Debian's xl, xenstored, xenconsoled, ..., /domu
#   domu.cpio.gz   a guest's root: busybox
#   xen            Debian's Xen, for comparison
#   versions.txt   the packages that these came from
# Called by make run and make test (mk/run.mk). Made once; made again when this script or a file
# of tools/images/ changes. Second calls take no network and no time.
TOOLS=$(cd "$(dirname "$0")" && pwd)
. "$TOOLS/apt-arm64.sh"

OUT=$CACHE/images
KEY=$(cat "$TOOLS/images.sh" "$TOOLS/apt-arm64.sh" "$TOOLS"/images/* | sha256sum | cut -d' ' -f1)
only_one images
[ "$(cat "$OUT/key" 2>/dev/null)" != "$KEY" ] || exit 0

# dom0's packages: the Xen tools, the shell and what these are linked with. Written out rather than
# left to apt's dependencies, which bring Python, Perl and udev.
DOM0="
bash bridge-utils busybox-static iproute2 iputils-ping libacl1 libaudit1 libblkid1 libbpf1
libbsd0 libbz2-1.0 libc6 libcap-ng0 libcap2 libcom-err2 libcrypt1 libelf1 libext2fs2 libfdt1
libffi8 libgcc-s1 libgcrypt20 libgpg-error0 libidn2-0 libkeyutils1 libkmod2 liblz4-1 liblzma5
libmd0 libmnl0 libmount1 libncurses6 libpcre2-8-0 libselinux1 libsepol2 libsmartcols1
libsystemd0 libtinfo6 libtirpc3 libudev1 libunistring2 libuuid1 libxencall1 libxendevicemodel1
libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenmisc4.17 libxenstore4
libxentoolcore1 libxentoollog1 libxtables12 libyajl2 libzstd1 mount util-linux xen-utils-4.17
xen-utils-common xenstore-utils zlib1g"

APPLETS="[ ash awk basename cat chmod chown clear cmp cp cut cttyhack date dd df diff dirname dmesg
du echo egrep env expr false fgrep find free getty grep gunzip gzip halt head hexdump hostname
httpd ifconfig init insmod kill killall less ln logger login losetup ls lsmod md5sum mkdir mkfifo
mkfs.ext2 mknod mktemp modprobe mount mv nc nohup nproc od pidof ping poweroff printf ps pwd
readlink reboot reset rm rmdir rmmod route sed seq setsid sh sha256sum sleep sort stat stty sync
tail tar taskset tee telnet test tftp time timeout top touch tr true tty umount uname uniq usleep
vi watch wc wget which xargs yes zcat"

WORK=$CACHE/work
rm -rf "$WORK"
mkdir -p "$WORK"/{debs,kern,xen,dom0,domu,busybox,out}

echo "images: making dom0 and guest images out of Debian's arm64 packages (once; some 120 MB)"
apt_lists xen-utils-4.17
KERNEL=$(apt-cache "${APT[@]}" depends linux-image-arm64 |
         sed -n 's/^ *Depends: *\(linux-image-.*\)/\1/p' | head -1)
[ -n "$KERNEL" ] || die "apt does not say which kernel linux-image-arm64 stands for"
say "downloading $KERNEL, Debian's Xen and $(wc -w <<<"$DOM0") packages of dom0"
# shellcheck disable=SC2086
(cd "$WORK/debs" && apt-get "${APT[@]}" download $DOM0 "$KERNEL" xen-hypervisor-4.17-arm64 \
    >/dev/null) || die "apt could not download all packages; is the network there? Try again."
(cd "$WORK/debs" && ls -- *.deb) >"$WORK/out/versions.txt"

say "unpacking the kernel"
unpack "$WORK/debs/$KERNEL"_*.deb "$WORK/kern"
unpack "$WORK"/debs/xen-hypervisor-4.17-arm64_*.deb "$WORK/xen"
cp "$WORK"/kern/boot/vmlinuz-* "$WORK/out/Image"
cp "$WORK"/kern/boot/config-* "$WORK/out/Image.config"
cp "$WORK/xen/boot/xen-4.17-arm64" "$WORK/out/xen"
[ "$(dd if="$WORK/out/Image" bs=1 skip=56 count=4 status=none)" = "ARMd" ] ||
    die "Debian's kernel $KERNEL is no plain arm64 Image"

# usrmerge ROOT: the directory links of a Debian root
usrmerge() {
    mkdir -p "$1"/usr/{bin,sbin,lib}
    ln -s usr/bin "$1/bin"
    ln -s usr/sbin "$1/sbin"
    ln -s usr/lib "$1/lib"
}

# applets ROOT: links to busybox for what Debian's packages did not bring
applets() {
    local a
    for a in $APPLETS; do
        [ -e "$1/bin/$a" ] || [ -e "$1/sbin/$a" ] || ln -s busybox "$1/bin/$a"
    done
}

# modules ROOT NAME...: kernel modules, what they depend on, and modules.dep
modules() { python3 "$TOOLS/images/modules.py" "$WORK/kern/lib/modules" "$1/lib/modules" "${@:2}"; }

# power ROOT: what ends the machine, instead of busybox's applets, which look for an init process
power() {
    install -m 755 "$TOOLS/images/power" "$1/sbin/poweroff"
    install -m 755 "$TOOLS/images/power" "$1/sbin/reboot"
    install -D -m 644 "$TOOLS/images/profile" "$1/etc/profile"
}

# pack ROOT FILE: an initramfs that is the same whenever it is made
pack() {
    find "$1" -exec touch -h -d @1700000000 {} +
    (cd "$1" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) >"$2"
}

say "making the guest's initramfs"
usrmerge "$WORK/domu"
unpack "$WORK"/debs/busybox-static_*.deb "$WORK/busybox"
cp "$WORK/busybox/bin/busybox" "$WORK/domu/bin/busybox"
install -m 755 "$TOOLS/images/domu-init" "$WORK/domu/init"
power "$WORK/domu"
applets "$WORK/domu"
modules "$WORK/domu" xen-netfront xen-blkfront
mkdir -p "$WORK"/domu/{dev,proc,sys,tmp,run,mnt}
pack "$WORK/domu" "$WORK/domu.cpio"
gzip -n9 <"$WORK/domu.cpio" >"$WORK/out/domu.cpio.gz"

say "making dom0's initramfs"
R=$WORK/dom0
usrmerge "$R"
for name in $DOM0; do
    unpack "$WORK"/debs/"$name"_*.deb "$R"
done
rm -rf "$R"/usr/share/{doc,man,locale,info,lintian,bug,bash-completion,zsh,initramfs-tools,menu} \
       "$R"/usr/lib/xen-4.17/lib/python "$R"/usr/lib/{systemd,udev} \
       "$R"/usr/lib/aarch64-linux-gnu/gconv "$R"/usr/bin/xenalyze
power "$R"
applets "$R"
modules "$R" xen-privcmd xen-gntdev xen-evtchn xenfs xen-gntalloc xen-netback xen-blkback loop \
    bridge tun xen-netfront xen-blkfront virtio_pci virtio_mmio virtio_blk virtio_net
mkdir -p "$R"/{dev,proc,sys,tmp,run,mnt,root,domu} "$R"/var/{lib/xenstored,lib/xen,log/xen,lock}
rm -rf "$R/var/run"
ln -s ../run "$R/var/run"
echo 'root:x:0:0:root:/root:/bin/bash' >"$R/etc/passwd"
echo 'root:x:0:' >"$R/etc/group"
printf 'passwd: files\ngroup: files\n' >"$R/etc/nsswitch.conf"
install -m 755 "$TOOLS/images/dom0-init" "$R/init"
install -m 755 "$TOOLS/images/start-xen" "$TOOLS/images/start-net" "$R/usr/sbin/"
install -m 644 "$TOOLS/images/greeting" "$R/etc/greeting"
cp "$WORK/out/Image" "$R/domu/Image"
cp "$WORK/out/domu.cpio.gz" "$R/domu/initrd.gz"
python3 "$TOOLS/images/guests.py" "$R/domu"
pack "$R" "$WORK/out/dom0.cpio"

echo "$KEY" >"$WORK/out/key"
rm -rf "$OUT"
mv "$WORK/out" "$OUT"
rm -rf "$WORK"
say "images are in $OUT"
