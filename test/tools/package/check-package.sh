#!/usr/bin/env bash
# Makes the Debian package of a build and checks it without installing: fields, files, dependencies, nothing of the build machine.
# Usage: check-package.sh BUILD WORK      leaves WORK/nncc.deb
set -euo pipefail
build=$1 work=$2
fail() { printf 'check-package: %s\n' "$@" >&2; exit 1; }

rm -rf "$work" && mkdir -p "$work"
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mv "$work"/nncc_*.deb "$work/nncc.deb"
deb=$work/nncc.deb
files=$(dpkg-deb -c "$deb")

for file in bin/nncc include/nncc/compiler.h lib/libnncc-compiler.so lib/cmake/nncc/nncc-config.cmake share/pkgconfig/nncc.pc \
    share/man/man1/nncc.1.gz share/doc/nncc/copyright share/doc/nncc/changelog.gz share/doc/nncc/examples/digits.onnx \
    lib/nncc/{x86_64-linux-gnu,aarch64-linux-gnu,aarch64-linux-android,aarch64-none-elf}/libnncc_runtime.a; do
  grep -q " \./usr/$file" <<<"$files" || fail "not in the package: /usr/$file"
done
outside=$(awk '{ print $6 }' <<<"$files" | grep -v '^\./usr/' | grep -v '^\./$' || true)
[ -z "$outside" ] || fail "outside of /usr: $outside"
wrong=$(grep -v ' root/root ' <<<"$files" || true)
[ -z "$wrong" ] || fail "not owned by root: $wrong"

for package in libc6 libllvm22 libmlir-22 libonnx1 libprotobuf; do
  dpkg-deb -f "$deb" Depends | grep -q "$package" || fail "does not depend on $package: $(dpkg-deb -f "$deb" Depends)"
done
for field in Version Maintainer Section Description Architecture; do
  [ -n "$(dpkg-deb -f "$deb" $field)" ] || fail "no field $field"
done

# A way to the build machine would be a run path, a path in a CMake file, or one in the debug information.
mkdir "$work/root" && dpkg-deb -x "$deb" "$work/root"
traces=$(grep -r -l -a -F -e "$build" "$work/root" || true)
[ -z "$traces" ] || fail "names of the build folder $build in: $traces"
readelf -d "$work/root/usr/bin/nncc" | grep -i 'runpath' | grep -q '\[/usr/lib/llvm-[0-9]*/lib\]' || fail "the run path is not LLVM's folder alone"
"$work/root/usr/bin/nncc" compile "$work/root/usr/share/doc/nncc/examples/digits.onnx" -o "$work/out" || fail "the packaged nncc does not run"

if command -v lintian >/dev/null; then
  said=$(lintian --allow-root --fail-on=error,warning "$deb" 2>&1) || fail "lintian: $said"
fi
