# SPDX-License-Identifier: BSD-2-Clause
# Debian's arm64 packages on any machine: an apt of our own state, the host's sources and keys.
# Sourced by sysroot.sh and images.sh. Packages are downloaded, checked by apt and unpacked;
# nothing of them is executed, so no root, no foreign architecture, no emulation.
# Gives: CACHE, APT (array), apt_lists, say, unpack.
# shellcheck shell=bash
set -euo pipefail
umask 022
export LC_ALL=C

CACHE=${FIEF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fief}
mkdir -p "$CACHE/apt/lists/partial" "$CACHE/apt/cache" "$CACHE/apt/archives/partial"
CACHE=$(cd "$CACHE" && pwd)

APT=(-oAPT::Architecture=arm64 -oAPT::Architectures=arm64
     -oDir::State::Lists="$CACHE/apt/lists" -oDir::State::status=/dev/null
     -oDir::Cache="$CACHE/apt/cache" -oDir::Cache::archives="$CACHE/apt/archives"
     -oAPT::Sandbox::User= -oDebug::NoLocking=1 -oAcquire::Retries=3 -qq)
# FIEF_MIRROR: a Debian mirror to use instead of the host's sources.
if [ -n "${FIEF_MIRROR:-}" ]; then
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
         "$FIEF_MIRROR bookworm main" >"$CACHE/apt/sources.list"
    APT+=(-oDir::Etc::sourcelist="$CACHE/apt/sources.list" -oDir::Etc::sourceparts=-)
fi

# say TEXT: one line of progress with the seconds since the script began.
say() { printf '%s: [%3d s] %s\n' "$(basename "$0" .sh)" "$SECONDS" "$*"; }

die() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }

# apt_lists PACKAGE: package lists that know the package, fresh ones if need be.
# Other sources of the host may be dead or know no arm64, so the package decides, not apt's status.
# From here to its end the script has apt's state for itself: make runs several at once.
apt_lists() {
    exec 8>"$CACHE/apt.lock"
    flock 8
    say "reading Debian's arm64 package lists"
    apt-get "${APT[@]}" update >"$CACHE/apt/update.log" 2>&1 || true
    apt-cache "${APT[@]}" show "$1" >/dev/null 2>&1 || {
        tail -5 "$CACHE/apt/update.log" >&2
        die "$1 for arm64 is in none of this machine's apt sources. The images are made of" \
            "Debian 12's packages; name a mirror: FIEF_MIRROR=http://... make run"
    }
}

# unpack DEB DIR
unpack() {
    dpkg-deb --fsys-tarfile "$1" | tar -x --no-same-owner --keep-directory-symlink -C "$2"
}

# only_one NAME: waits until no other make fills the same part of the cache.
only_one() {
    exec 9>"$CACHE/$1.lock"
    flock 9
}
