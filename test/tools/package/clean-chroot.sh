#!/usr/bin/env bash
# The Debian package on a clean system: bootstraps this machine's Debian release, installs the package by apt with nothing else, then
# compilers, and builds and runs all of docs/examples, for the host and cross, as an unprivileged user; removes it again.
# Usage: clean-chroot.sh PACKAGE.deb [BASE]        BASE: a bootstrapped system to copy; made there if it does not exist
#        clean-chroot.sh --quickstart [BASE]       instead: tools/quickstart.sh of this commit, which proves tools/setup.sh --build
# Needs root, debootstrap and the package sources of this machine's apt, from which it also takes the mirror. Takes some minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
say() { printf '\nclean-chroot: %s\n' "$*"; }
fail() { printf 'clean-chroot: %s\n' "$@" >&2; exit 1; }

what=${1-} base=${2-}
[ "$what" = --quickstart ] || [ -f "$what" ] || { sed -n '2,6s/^# //p' "$0"; exit 2; }
[ "$(id -u)" -eq 0 ] || fail "needs root"
command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap"
. /etc/os-release

# The sources of this machine's apt, one a line: URI, code name, component.
sources=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' | sort -u)
mirror=$(awk -v name="$VERSION_CODENAME" '$2 == name && $3 == "main" { print $1; exit }' <<<"$sources")
[ -n "$mirror" ] || fail "this machine's apt has no source of $VERSION_CODENAME main; run apt-get update first"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/nncc-chroot.XXXXXX") root=$work/system log=$work/log
trap 'umount -q "$root/proc" || true; rm -rf --one-file-system "$work"' EXIT
base=${base:-$root}
if [ ! -e "$base/etc/debian_version" ]; then
  say "bootstrapping $PRETTY_NAME"
  debootstrap --variant=minbase "$VERSION_CODENAME" "$base" "$mirror" >"$log" || { cat "$log"; exit 1; }
fi
[ "$base" = "$root" ] || { say "copying $base"; cp -a "$base" "$root"; }

sed 's/^/deb /' <<<"$sources" >"$root/etc/apt/sources.list"
# How this machine's apt reaches its sources: proxies, checks of the date.
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90sources" || true
printf 'APT::Install-Recommends "false";\nDpkg::Use-Pty "false";\n' >"$root/etc/apt/apt.conf.d/91lean"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc none "$root/proc"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get update -q

if [ "$what" = --quickstart ]; then
  say "tools/quickstart.sh on the clean system"
  inside apt-get install -y -q git ca-certificates >"$log" 2>&1 || { cat "$log"; exit 1; }
  mkdir "$root/nncc"
  git -C "$(git -C "$here" rev-parse --show-toplevel)" archive HEAD | tar x -C "$root/nncc"
  inside /nncc/tools/quickstart.sh
  say "the quickstart works on a clean $PRETTY_NAME"
  exit
fi

say "installing $(basename "$what") and what it depends on"
cp "$what" "$root/tmp/nncc.deb"
chmod 644 "$root/tmp/nncc.deb"
inside apt-get install -y -q /tmp/nncc.deb >"$log" 2>&1 || { cat "$log"; exit 1; }
inside nncc --version
inside nncc run /usr/share/doc/nncc/examples/digits.onnx >/dev/null

say "installing compilers and build systems"
inside apt-get install -y -q gcc libc6-dev make cmake ninja-build meson pkg-config gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user \
  qemu-system-arm >"$log" 2>&1 || { cat "$log"; exit 1; }

say "building and running the examples, as a user who is not root"
inside useradd --create-home user
cp "$here/../examples/run-example.sh" "$root/usr/local/bin/"
mkdir "$root/home/user/sources" # of what a project needs that has nncc as a folder of its own
tar c -C "$here/../../.." CMakeLists.txt include runtime tools | tar x --no-same-owner -C "$root/home/user/sources"
inside su user -c "/usr/local/bin/run-example.sh all /usr/share/doc/nncc/examples /home/user/work /home/user/sources"

say "removing the package"
inside apt-get purge -y -q nncc >/dev/null
left=$(inside find / -xdev -iname '*nncc*' -not -path '/home/*' -not -path '/tmp/*' -not -path '/var/lib/apt/*' -not -path '/proc/*')
[ -z "$left" ] || fail "left behind: $left"
say "the package works on a clean $PRETTY_NAME"
