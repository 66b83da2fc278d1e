#!/usr/bin/env bash
# A prompt of 128 tokens beside one sequential read of the same FFN file (O_DIRECT, 8 MiB at a time), both in a blkio cgroup
# (version 1) that lets them read so many MB/s from the store's disk; 0 for no limit. Needs root.
#   prompt-against-read.sh STORE MB_PER_SECOND... [-- OPTIONS of sluice run]
set -euo pipefail
store=$1
shift
limits=()
while (($#)) && [[ $1 != -- ]]; do
  limits+=("$1")
  shift
done
(($#)) && shift
group=/sys/fs/cgroup/blkio/sluice-prompt-$$
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
disk=$(findmnt -no MAJ:MIN -T "$store" | tr -d " ")
answer=$(mktemp)
mkdir "$group"
trap 'rm -f "$answer"; rmdir "$group"' EXIT

within() {
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    "$@"
  )
}

number() {
  sed -n "s/^ *\"$1\" : \([0-9.]*\),\{0,1\}$/\1/p" "$answer"
}

for limit in "${limits[@]}"; do
  echo "$disk $((limit * 1000000))" >"$group/blkio.throttle.read_bps_device"
  begin=$(date +%s%N)
  within dd if="$store/ffn.bin" of=/dev/null bs=8M iflag=direct status=none
  read_ms=$((($(date +%s%N) - begin) / 1000000))
  within "$root/sluice" run -m "$store" --prompt-ids "$(seq -s, 1 128)" -n 1 --json "$@" >"$answer"
  awk -v limit="$limit" -v read="$read_ms" -v prompt="$(number prompt_ms)" -v wait="$(number prompt_wait_ms)" \
    'BEGIN { printf "%s MB/s: read %.1f s; prompt %.1f s, of which waiting for reads %.1f s; prompt / read %.2f\n",
      limit ? limit : "all", read / 1e3, prompt / 1e3, wait / 1e3, prompt / read }'
done
