# Runs in a mount namespace of its own: DISK PROGRAM. The disk holds 300 KB.
mount -t tmpfs -o size=300k none "$1" || exit 1
for extra in 500000 1000; do # too much; not too much
  "$2" "$1/out" x86_64-linux-gnu tiny $extra
  echo "status $?, $(find "$1" -type f | wc -l) files"
done
