#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Debian packages that a task needs, and says what and why.
#
#   tools/setup.sh GROUP...      groups: build, check, lint, run
#
# Called by the Makefile before it builds. Without rights it prints the command to type and fails.
# When nothing is missing it asks dpkg once and touches neither apt nor the network.
set -euo pipefail
export LC_ALL=C

ARCH=$(dpkg --print-architecture 2>/dev/null) || {
    echo "setup: this machine has no dpkg; Fief is built on Debian 12 (amd64 or arm64)." >&2
    exit 1
}
# On arm64 the plain compiler is the cross compiler.
if [ "$ARCH" = arm64 ]; then
    CROSS=gcc CROSS_LIBC=libc6-dev
else
    CROSS=gcc-aarch64-linux-gnu CROSS_LIBC=libc6-dev-arm64-cross
fi

# group, package, what for
NEEDS="
build $CROSS|compiles and links the hypervisor for arm64
build libxen-dev|the public headers of the Xen ABI
build ca-certificates|lets apt check mirrors that speak https
build python3|the build's scripts
check gcc|host tests
check libc6-dev|host tests
check clang|host tests under sanitizers, fuzzing
check libclang-rt-14-dev|the sanitizers' run-time library
check libcmocka-dev|unit test framework
check libfdt-dev|device-tree reading in host tests
check $CROSS|the layer check compiles every header alone
check libxen-dev|the public headers of the Xen ABI
check python3|the layer check
lint clang-tidy|static analysis
lint cppcheck|static analysis
lint libcmocka-dev|the host tests' header
lint libfdt-dev|the host tests' header
lint libc6-dev|the host tests' headers
lint python3|runs the two over all files
run qemu-system-arm|the emulated arm64 machine
run device-tree-compiler|the damaged device trees of the bad-input tests
run $CROSS|compiles the programs of dom0
run $CROSS_LIBC|their C library
run gcc|compiles the bench's plugin for QEMU
run libc6-dev|its C library
run cpio|packs the initramfs images
run python3|the runner and the system tests
"

[ $# -gt 0 ] || { echo "usage: tools/setup.sh build|check|lint|run ..." >&2; exit 2; }

declare -A why
for group in "$@"; do
    case $group in
    build | check | lint | run) ;;
    *) echo "setup: no group '$group'; groups are build, check, lint, run" >&2; exit 2 ;;
    esac
    while IFS='|' read -r key reason; do
        [ "${key%% *}" = "$group" ] && why[${key#* }]=$reason
    done <<<"$NEEDS"
done

have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${!why[@]}" 2>/dev/null || true)
missing=()
for package in "${!why[@]}"; do
    grep -qx "$package installed" <<<"$have" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort)

echo "setup: these Debian packages are missing:"
for package in "${missing[@]}"; do
    printf '  %-26s %s\n' "$package" "${why[$package]}"
done

if [ "$(id -u)" = 0 ]; then
    AS_ROOT=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    AS_ROOT=(sudo env)
else
    echo "setup: installing them needs root. Type this, then repeat what you did:" >&2
    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

APT=("${AS_ROOT[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300
     -o Acquire::Retries=3)
echo "setup: installing them with apt ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A dead third-party source makes update fail though all that is needed is there, so the
# installation decides.
"${APT[@]}" update >"$log" 2>&1 || true
if ! "${APT[@]}" -y --no-install-recommends install "${missing[@]}" </dev/null >>"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "setup: apt could not install: ${missing[*]}" >&2
    echo "setup: look at the lines above; this needs Debian 12's main archive in the apt sources." >&2
    exit 1
fi
echo "setup: done"
