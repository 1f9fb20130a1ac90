#!/usr/bin/env bash
# Another clone of a commit, in another folder, finds what this machine's ccache has: two copies of the sources share a cache of their
# own. The second one is built when the first is gone: it compiles the precompiled header, which names its folder, and the one
# source that was changed, and nothing else.
# Usage: compiler-cache.sh SOURCES WORK
set -euo pipefail
sources=$1 work=$2
command -v ccache >/dev/null || { echo "SKIPPED: no ccache"; exit 77; }
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
export CCACHE_DIR=$work/cache CCACHE_CONFIGPATH=/dev/null
for clone in first second/further; do
  mkdir -p "$work/$clone"
  git -C "$sources" ls-files -z | tar c -C "$sources" --null -T - --ignore-failed-read 2>/dev/null | tar x -C "$work/$clone"
  [ "$clone" = first ] || echo 'static int change [[maybe_unused]];' >>"$work/$clone/lib/support/Npy.cpp"
  (cd "$work/$clone" && cmake --preset release --log-level=ERROR -DNNCC_BUILD_TESTS=OFF >/dev/null)
  ccache --zero-stats >/dev/null
  ninja -C "$work/$clone/build" -j2 NnccSupport >"$work/log" || { cat "$work/log"; exit 1; }
  count() { ccache --print-stats | awk -v name="$1" '$1 == name { print $2 }'; }
  echo "$clone: $(count direct_cache_hit) found, $(count cache_miss) compiled"
  rm -rf "${work:?}/$clone"
done
[ "$(count cache_miss)" -eq 2 ] && [ "$(count direct_cache_hit)" -ge 3 ] || { echo "FAIL: a second clone compiles again"; exit 1; }
