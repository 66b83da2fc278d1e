#!/bin/sh
# What reading takes from computing on this machine: two loops that touch no memory, alone and beside random direct reads of
# 16 KiB by 64 threads, and the reads alone. Where a host reads for a virtual machine, loops lose more than the readers' own
# processor time: /proc/stat shows it as stolen.
#
#   bench/reads-beside-work.sh FILE [SECONDS [ROUNDS]]
#
# FILE is read only, and should be of some GB: a store's ffn.bin. Needs a C compiler (cc) and Linux. Figures are printed for each round.
set -eu
if [ $# -lt 1 ] || [ ! -r "$1" ]; then
  echo "usage: $0 FILE [SECONDS [ROUNDS]]" >&2
  exit 2
fi
file=$1
seconds=${2:-5}
rounds=${3:-3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat > "$scratch/load.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 16384, PAGE_BYTES = 4096, MOST_THREADS = 64 };

static int file = -1; /* -1: compute */
static long pages;
static double seconds;
static double done[MOST_THREADS];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static unsigned long step(unsigned long x) {
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ x << 17;
}

static void *run(void *argument) {
  long index = (long)argument;
  unsigned long x = 88172645463325252UL + (unsigned long)index;
  void *target = NULL;
  if (file >= 0 && posix_memalign(&target, PAGE_BYTES, READ_BYTES) != 0) {
    return NULL;
  }
  double end = now() + seconds;
  double count = 0;
  while (now() < end) {
    if (file < 0) {
      for (int k = 0; k < 1000000; k++) {
        x = step(x);
      }
      count += 1e6 + (x == 0);
    } else {
      x = step(x);
      if (pread(file, target, READ_BYTES, (long)(x % (unsigned long)pages) * PAGE_BYTES) != READ_BYTES) {
        perror("read");
        exit(1);
      }
      count++;
    }
  }
  done[index] = count;
  free(target);
  return NULL;
}

int main(int count, char **arguments) {
  (void)count;
  seconds = atof(arguments[1]);
  int threads = atoi(arguments[2]);
  if (strcmp(arguments[3], "-") != 0) {
    file = open(arguments[3], O_RDONLY | O_DIRECT);
    pages = file < 0 ? 0 : (lseek(file, 0, SEEK_END) - READ_BYTES) / PAGE_BYTES;
    if (pages <= 0) {
      fprintf(stderr, "%s: cannot be read directly, or is too small\n", arguments[3]);
      return 1;
    }
  }
  pthread_t team[MOST_THREADS];
  double sum = 0;
  for (long i = 0; i < threads; i++) {
    pthread_create(&team[i], NULL, run, (void *)i);
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(team[i], NULL);
    sum += done[i];
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1e-6 * (used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  printf(file < 0 ? "  loops: %.0f million steps/s" : "  reads: %.3f thousand/s", sum / seconds / (file < 0 ? 1e6 : 1e3));
  printf(", %.2f processors\n", cpu / seconds);
  return 0;
}
C
cc -O2 -o "$scratch/load" "$scratch/load.c" -lpthread
ticks=$(getconf CLK_TCK)
stolen() {
  awk '/^cpu / { print $9 }' /proc/stat
}
timed() {
  before=$(stolen)
  "$@"
  after=$(stolen)
  awk -v t=$((after - before)) -v k="$ticks" -v s="$seconds" 'BEGIN { printf "  stolen: %.2f processors\n", t / k / s }'
}
beside() {
  "$scratch/load" "$seconds" 64 "$file" &
  reads=$!
  "$scratch/load" "$seconds" 2 -
  wait "$reads"
}
round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round, loops alone"
  timed "$scratch/load" "$seconds" 2 -
  echo "round $round, reads alone"
  timed "$scratch/load" "$seconds" 64 "$file"
  echo "round $round, both"
  timed beside
  round=$((round + 1))
done
