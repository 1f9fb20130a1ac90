#!/usr/bin/env bash
# Installs what nncc needs on Debian 12 or newer: packages for building it, packages and a Python environment for testing it.
# Usage: tools/setup.sh [--build]   (--build: only what building and the quickstart need). Does nothing where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1-}" in
  ""|--build) ;;
  *) sed -n '2,3s/^# //p' "$0"; exit 2 ;;
esac

build=(
  cmake ninja-build ccache git ca-certificates
  clang-22 lld-22 llvm-22-dev libmlir-22-dev mlir-22-tools  # mlir-22-tools: mlir-tblgen
  liblld-22-dev                                             # links shared libraries, and programs for qemu, in process
  zlib1g-dev libzstd-dev                                    # LLVM's CMake files ask for them
  protobuf-compiler libprotobuf-dev libonnx-dev             # reads ONNX files
  libgtest-dev                                              # found at configuration
  libc6-dev-arm64-cross                                     # headers for the AArch64 runtime library
  libvulkan-dev                                             # headers for the runtime library of GPUs
)
test=(
  gcc g++ libc6-dev                                         # the compilers of the programs that link libraries, by their usual names
  llvm-22-tools clang-format-22 clang-tidy-22 libclang-rt-22-dev libbenchmark-dev libgmock-dev
  gcc-aarch64-linux-gnu qemu-user qemu-system-arm
  make meson pkg-config dpkg-dev file lintian debootstrap   # examples, Debian package
  libonnx-testdata                                          # the ONNX suite
  mesa-vulkan-drivers vulkan-validationlayers spirv-tools   # a GPU in software, and what checks its use
  python3 python3-venv
)
packages=("${build[@]}")
[ "${1-}" = --build ] || packages+=("${test[@]}")

# Shows what a command says only if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

missing=()
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "this machine is not Debian; nncc is built on Debian 12 or newer, where LLVM and MLIR 22 are packaged" \
       "elsewhere install LLVM 22 with MLIR, LLD, Protobuf and ONNX yourself, then: cmake --preset release && cmake --build build"
fi
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "packages are missing, and this is neither root nor is there sudo; as root run:" \
      "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  quietly "${as_root[@]}" apt-get update -q
  unknown=()
  for package in "${missing[@]}"; do
    [ -n "$(apt-cache policy "$package" | sed -n 's/^ *Candidate: *//p' | grep -v '(none)')" ] || unknown+=("$package")
  done
  if [ ${#unknown[@]} -gt 0 ]; then
    . /etc/os-release
    fail "the package sources of this machine (${PRETTY_NAME:-unknown system}) do not have: ${unknown[*]}" \
         "on Debian 12 LLVM 22 comes from its security archive; /etc/apt/sources.list needs the line" \
         "  deb http://deb.debian.org/debian-security bookworm-security main"
  fi
  install=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get install -q --no-install-recommends "${missing[@]}")
  say "installing ${#missing[@]} packages: ${missing[*]}"
  { "${as_root[@]}" "${install[@]}" --assume-no 2>/dev/null || true; } |
    sed -nE 's/^([0-9]+ upgraded, [0-9]+ newly installed).*/setup: \1/p; s/^(Need to get .* of archives|After this operation.*will be used)\.?$/setup: \1/p'
  quietly "${as_root[@]}" "${install[@]}" -y
fi
[ "${1-}" != --build ] || { say "everything for building is here"; exit 0; }

# The Python environment lies in the user's cache, one for each version of the requirements; .cache/venv leads to it.
requirements=test/harness/requirements.txt
venv=${XDG_CACHE_HOME:-$HOME/.cache}/nncc/venv-$(sha256sum "$requirements" | cut -c1-12)
if [ ! -e "$venv/complete" ]; then
  say "making the Python environment $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  touch "$venv/complete"
fi
mkdir -p .cache
ln -sfn "$venv" .cache/venv
say "everything for building and testing is here"
