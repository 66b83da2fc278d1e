// What the disk alone allows an import: reads a file and writes as much to another, past the page cache, two threads reading
// and one writing 4 MiB at a time from huge pages, flushed every so many MiB by another (0: at the end only). Bytes that are
// read are not looked at, nor are they those that are written; what is left after the last whole 4 MiB is left out.
//   gcc -O2 -pthread direct-copy.c -o direct-copy && ./direct-copy SOURCE TARGET FLUSH_MIB
// Prints seconds until all is written, until all is on the device, and within flushes. TARGET, which must not exist, is removed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE (4L << 20)
#define HUGE_PAGE (2L << 20)
#define UNFLUSHED_MOST 2 // intervals that may be written but not flushed

static int source, target;
static long pieces, flush_every; // in pieces
static atomic_long next_read, have_read, written, flushed;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static const char *made; // what to remove

static void fail(const char *what) {
  perror(what);
  if (made) unlink(made);
  exit(1);
}

static void rest(void) { usleep(200); }

static void *buffer(void) {
  char *all = mmap(0, PIECE + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) fail("mmap");
  char *aligned = (char *)(((long)all + HUGE_PAGE - 1) & -HUGE_PAGE);
  madvise(aligned, PIECE, MADV_HUGEPAGE);
  memset(aligned, 7, PIECE);
  return aligned;
}

static void *read_all(void *unused) {
  void *piece = buffer();
  for (long i; (i = next_read++) < pieces; have_read++)
    if (pread(source, piece, PIECE, i * PIECE) != PIECE) fail("read");
  return unused;
}

static void *write_all(void *unused) {
  void *piece = buffer();
  for (long i = 0; i < pieces; i++, written++) {
    while (have_read <= i || (flush_every && written - flushed >= UNFLUSHED_MOST * flush_every)) rest();
    if (pwrite(target, piece, PIECE, i * PIECE) != PIECE) fail("write");
  }
  return unused;
}

int main(int count, char **args) {
  if (count != 4) return fprintf(stderr, "direct-copy SOURCE TARGET FLUSH_MIB\n"), 2;
  source = open(args[1], O_RDONLY | O_DIRECT);
  struct stat status;
  if (source < 0 || fstat(source, &status)) fail(args[1]);
  target = open(args[2], O_CREAT | O_EXCL | O_WRONLY | O_DIRECT, 0600);
  if (target < 0) fail(args[2]);
  made = args[2];
  pieces = status.st_size / PIECE;
  flush_every = (atol(args[3]) * (1L << 20) + PIECE - 1) / PIECE;
  double start = now(), flushing = 0;
  pthread_t threads[3];
  pthread_create(&threads[0], 0, read_all, 0);
  pthread_create(&threads[1], 0, read_all, 0);
  pthread_create(&threads[2], 0, write_all, 0);
  while (flush_every && flushed < pieces) {
    long had = written;
    if (had - flushed >= flush_every || had == pieces) {
      double begun = now();
      if (fdatasync(target)) fail("flush");
      flushing += now() - begun;
      flushed = had;
    } else {
      rest();
    }
  }
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  double all = now() - start;
  if (fsync(target)) fail("flush");
  printf("%ld MiB: written %.2f s, on the device %.2f s, flushes before the end %.2f s\n", pieces * PIECE >> 20, all, now() - start, flushing);
  return unlink(args[2]) != 0;
}
