#!/usr/bin/env bash
# Import of a GGUF beside the time of copying it, both on the device when they end, in turns, page cache dropped before
# each (needs root). Prints seconds, CPU seconds and the import's peak of memory.
#   import-against-copy.sh MODEL.gguf SCRATCH_FOLDER [ROUNDS [MEMORY_BYTES]]
# With MEMORY_BYTES each runs in a memory cgroup (version 1) of that size.
set -euo pipefail
model=$1 scratch=$2 rounds=${3:-3} memory=${4:-}
group=/sys/fs/cgroup/memory/sluice-import-$$
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
trap 'rm -rf "$scratch/copy.gguf" "$scratch/import.sluice"; [[ -z $memory ]] || rmdir "$group"' EXIT
if [[ -n $memory ]]; then
  mkdir "$group"
  echo "$memory" >"$group/memory.limit_in_bytes"
fi

# Runs a command, within the group if there is one.
within() {
  if [[ -n $memory ]]; then
    (
      echo "$BASHPID" >"$group/cgroup.procs"
      "$@"
    )
  else
    "$@"
  fi
}

forget() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
}

copy() {
  forget
  within /usr/bin/time -f 'copy   %e s, user %U, system %S' dd if="$model" of="$scratch/copy.gguf" bs=4M conv=fsync status=none
  rm "$scratch/copy.gguf"
}

import() {
  forget
  within /usr/bin/time -f 'import %e s, user %U, system %S, peak %M KiB' "$root/sluice" import "$model" -o "$scratch/import.sluice"
  rm -r "$scratch/import.sluice"
}

for ((round = 0; round < rounds; round++)); do
  if ((round % 2)); then
    import
    copy
  else
    copy
    import
  fi
done
