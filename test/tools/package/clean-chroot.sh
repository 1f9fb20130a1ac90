#!/usr/bin/env bash
# What people do first, on a clean system: bootstraps this machine's Debian release and works inside of it.
# Usage: clean-chroot.sh PACKAGE.deb [BASE]   installs the package by apt with nothing else, then compilers, and builds and runs all of
#                                             docs/examples, for the host and cross, as an unprivileged user; removes it again
#        clean-chroot.sh WHEEL.whl [BASE]    the wheel, and the tarball beside it, where there is nothing but Python: three commands from
#                                             pip to a prediction of a downloaded network, in a minute
#        clean-chroot.sh --readme [BASE]      the two commands of the README, one after the other, in a clone of this commit, without a
#                                             warning of a compiler
#        clean-chroot.sh --possible           says whether this machine can do so, by its exit status and a reason
# BASE: a bootstrapped system to copy; made there if it does not exist. Needs root, debootstrap and the package sources of this
# machine's apt, from which it also takes the mirror and how registries are reached. Takes minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
say() { printf '\nclean-chroot: %s\n' "$*"; }
fail() { printf 'clean-chroot: %s\n' "$@" >&2; exit 1; }

what=${1-} base=${2-}
[ "$what" = --readme ] || [ "$what" = --possible ] || [ -f "$what" ] || { sed -n '2,11s/^# //p' "$0"; exit 2; }
[ "$(id -u)" -eq 0 ] || fail "needs root"
command -v debootstrap >/dev/null || fail "needs debootstrap: apt-get install debootstrap"
. /etc/os-release

# The sources of this machine's apt, one a line: URI, code name, component.
sources=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' | sort -u)
mirror=$(awk -v name="$VERSION_CODENAME" '$2 == name && $3 == "main" { print $1; exit }' <<<"$sources")
[ -n "$mirror" ] || fail "this machine's apt has no source of $VERSION_CODENAME main; run apt-get update first"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/nncc-chroot.XXXXXX") root=$work/system log=$work/log
mounted=()
clean() {
  for ((i = ${#mounted[@]} - 1; i >= 0; --i)); do umount -q "${mounted[i]}" || umount -q --lazy "${mounted[i]}" || true; done
  # Never remove what is mounted: it may be the compiler cache of this machine.
  if grep -qF " $work/" /proc/self/mounts; then say "still mounted, so left behind: $work"; else rm -rf --one-file-system "$work"; fi
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
into() { # into FOLDER MOUNT-ARGUMENT...: mounts at a folder of the clean system
  mkdir -p "$root/$1"
  mount "${@:2}" "$root/$1" || return 1
  mounted+=("$root/$1")
}

if [ "$what" = --possible ]; then
  into proc -t proc none || fail "cannot mount file systems here"
  mkdir -p "$root/dev"
  mknod "$root/dev/null" c 1 3 && : >"$root/dev/null" || fail "cannot make devices here"
  exit
fi

base=${base:-$root}
if [ ! -e "$base/etc/debian_version" ]; then
  say "bootstrapping $PRETTY_NAME"
  debootstrap --variant=minbase "$VERSION_CODENAME" "$base" "$mirror" >"$log" || { cat "$log"; exit 1; }
fi
[ "$base" = "$root" ] || { say "copying $base"; cp -a "$base" "$root"; }

sed 's/^/deb /' <<<"$sources" >"$root/etc/apt/sources.list"
# How this machine reaches package sources and registries: proxies, certificates, checks of the date.
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90sources" || true
printf 'APT::Install-Recommends "false";\nDpkg::Use-Pty "false";\n' >"$root/etc/apt/apt.conf.d/91lean"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/usr/local/share/ca-certificates"
cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates"
mapfile -t network < <(env | grep -iE '^(https?_proxy|all_proxy|no_proxy|ssl_cert_(file|dir)|requests_ca_bundle|node_extra_ca_certs|pip_(cert|index_url|default_timeout)|npm_config_(cafile|registry))=')
into proc -t proc none
into dev/shm -t tmpfs none
# Tests that need a terminal open one. /dev/ptmx leads to where this instance has it.
into dev/pts -t devpts -o newinstance,ptmxmode=0666 none
ln -sf pts/ptmx "$root/dev/ptmx"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get update -q

if [ "$what" = --readme ]; then
  inside apt-get install -y -q git ca-certificates >"$log" 2>&1 || { cat "$log"; exit 1; }
  top=$(git -C "$here" rev-parse --show-toplevel)
  git clone -q --no-hardlinks "$top" "$root/root/nncc"
  git -C "$root/root/nncc" checkout -q --detach "$(git -C "$top" rev-parse HEAD)"
  # Only the compiler's cache is carried in: it saves time and can hide nothing.
  cache=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}
  mkdir -p "$cache"
  into root/.cache/ccache --bind "$cache"
  for command in tools/quickstart.sh tools/test.sh; do
    say "$command on a clean $PRETTY_NAME"
    inside "${network[@]}" ${NNCC_REQUIRE_MODELS:+NNCC_REQUIRE_MODELS="$NNCC_REQUIRE_MODELS"} sh -c "cd /root/nncc && exec $command" 2>&1 |
      tee -a "$log"
  done
  # What the compilers said of every file of the project; those of cached files are said again.
  if grep -E '^[^ :]+:[0-9]+:[0-9]+: warning: ' "$log" >"$work/warnings"; then
    fail "the build warns, which nobody would see in a longer list:" "$(sort -u "$work/warnings")"
  fi
  exit
fi

if [[ $what == *.whl ]]; then
  inside apt-get install -y -q python3 python3-pip >"$log" 2>&1 || { cat "$log"; exit 1; }
  cp "$what" "$here/../../../docs/examples/python/file_type.py" "$here/inputs/wheel.py" "$root/root"
  wheel=$(basename "$what")
  network+=(PATH=/usr/local/bin:/usr/bin:/bin) # pip puts programs into the first
  pip=(pip install -q --break-system-packages --root-user-action=ignore)
  SECONDS=0
  for command in "${pip[*]} ./$wheel" "${pip[*]} --no-deps magika==1.0.3" "python3 file_type.py file_type.py /bin/ls"; do
    say "$command"
    inside "${network[@]}" sh -c "cd && exec $command" | tee "$work/said"
    say "after $SECONDS s"
  done
  seconds=$SECONDS
  grep -q '^file_type.py: python, ' "$work/said" || fail "this is no prediction"
  say "from pip to a prediction: $seconds s"
  [ "$seconds" -le 60 ] || fail "more than a minute"
  inside "${network[@]}" sh -c "cd && python3 wheel.py" || fail "the installed package does not do what it should"
  say "the tarball"
  mkdir "$root/opt/nncc"
  tar xzf "$(dirname "$what")"/nncc-*-linux-*.tar.gz -C "$root/opt/nncc" --strip-components=1
  inside /opt/nncc/bin/nncc run /opt/nncc/share/doc/nncc/examples/digits.onnx >/dev/null
  inside env PYTHONPATH=/opt/nncc/share/nncc/python sh -c "cd && python3 wheel.py"
  say "the wheel works on a clean $PRETTY_NAME"
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
