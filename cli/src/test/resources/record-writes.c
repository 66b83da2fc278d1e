/*
 * Preloaded into a process, this notes every call that changes files below $RECORD_ROOT, in the order in which the kernel
 * took them, to $RECORD_LOG: what reaches a disk whatever library wrote it. Each call is made by its bare system call. A
 * record is five numbers (op, bytes of the first name, bytes of the second, offset, bytes of data; 64 bits, little-endian),
 * the names and the data. Names are those that a descriptor's file has at that time.
 *
 * With $FULL_FROM=k, from the k-th of these calls on whatever takes room fails with ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MKDIR = 1, CREATE, WRITE, TRUNCATE, SYNC, RENAME, EXCHANGE, UNLINK, RMDIR };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static int ours(const char *path) {
  const char *root = getenv("RECORD_ROOT");
  if (!root || strncmp(path, root, strlen(root)) != 0) return 0;
  return path[strlen(root)] == '/' || path[strlen(root)] == 0;
}

static void append(const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    long done = syscall(SYS_write, log_fd, at, count);
    if (done <= 0) _exit(99);
    at += done;
    count -= done;
  }
}

/* Under the lock, before a call of ours that may take room: whether the disk is full. */
static int full(int takes_room) {
  static long calls, from = -1;
  if (from < 0) from = getenv("FULL_FROM") ? atol(getenv("FULL_FROM")) : 0;
  calls++;
  if (!from || calls < from || !takes_room) return 0;
  errno = ENOSPC;
  return 1;
}

static void note(uint64_t op, const char *a, const char *b, uint64_t offset, const void *data,
                 uint64_t bytes) {
  int saved = errno;
  if (log_fd < 0)
    log_fd = syscall(SYS_openat, AT_FDCWD, getenv("RECORD_LOG"), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  uint64_t head[5] = {op, strlen(a), b ? strlen(b) : 0, offset, bytes};
  append(head, sizeof head);
  append(a, head[1]);
  if (b) append(b, head[2]);
  append(data, bytes);
  errno = saved;
}

/* The name of a descriptor's file if it is ours and has one. */
static int named(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int saved = errno;
  long bytes = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  errno = saved;
  if (bytes <= 0) return 0;
  path[bytes] = 0;
  return ours(path) && !strstr(path, " (deleted)");
}

static int opened(int dir, const char *path, int flags, int mode) {
  if (!ours(path) || !(flags & (O_CREAT | O_TRUNC))) return syscall(SYS_openat, dir, path, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat status;
  int there = syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if ((!there || (flags & O_TRUNC)) && full(!there)) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  int fd = syscall(SYS_openat, dir, path, flags, mode);
  if (fd >= 0 && !there) note(CREATE, path, NULL, 0, NULL, 0);
  if (fd >= 0 && there && (flags & O_TRUNC)) note(TRUNCATE, path, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE                                  \
  int mode = 0;                               \
  if (flags & (O_CREAT | O_TMPFILE)) {        \
    va_list more;                             \
    va_start(more, flags);                    \
    mode = va_arg(more, int);                 \
    va_end(more);                             \
  }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE return opened(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE return opened(dir, path, flags, mode); }

static ssize_t wrote(int fd, const struct iovec *parts, int count, off_t offset) {
  char path[PATH_MAX];
  if (!named(fd, path))
    return offset < 0 ? syscall(SYS_writev, fd, parts, count)
                      : syscall(SYS_pwritev, fd, parts, count, (long) offset, 0L);
  pthread_mutex_lock(&lock);
  if (full(1)) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  off_t at = offset < 0 ? syscall(SYS_lseek, fd, 0L, SEEK_CUR) : offset;
  ssize_t done = offset < 0 ? syscall(SYS_writev, fd, parts, count)
                            : syscall(SYS_pwritev, fd, parts, count, (long) offset, 0L);
  ssize_t left = done;
  for (int i = 0; i < count && left > 0; i++) {
    ssize_t bytes = (ssize_t) parts[i].iov_len < left ? (ssize_t) parts[i].iov_len : left;
    note(WRITE, path, NULL, at, parts[i].iov_base, bytes);
    at += bytes;
    left -= bytes;
  }
  pthread_mutex_unlock(&lock);
  return done;
}
static ssize_t wrote_one(int fd, const void *data, size_t bytes, off_t offset) {
  struct iovec part = {(void *) data, bytes};
  return wrote(fd, &part, 1, offset);
}
ssize_t write(int fd, const void *data, size_t bytes) { return wrote_one(fd, data, bytes, -1); }
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return wrote_one(fd, data, bytes, offset); }
ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t offset) { return wrote_one(fd, data, bytes, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return wrote(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return wrote(fd, parts, count, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return wrote(fd, parts, count, offset); }

static int done_by(int fd, uint64_t op, long call, off_t bytes) {
  char path[PATH_MAX];
  int known = named(fd, path);
  pthread_mutex_lock(&lock);
  if (known) full(0);
  int result = syscall(call, fd, (long) bytes);
  if (known && result == 0) note(op, path, NULL, bytes, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t bytes) { return done_by(fd, TRUNCATE, SYS_ftruncate, bytes); }
int ftruncate64(int fd, off_t bytes) { return done_by(fd, TRUNCATE, SYS_ftruncate, bytes); }
int fsync(int fd) { return done_by(fd, SYNC, SYS_fsync, 0); }
int fdatasync(int fd) { return done_by(fd, SYNC, SYS_fdatasync, 0); }

static int renamed(const char *from, const char *to, unsigned flags) {
  pthread_mutex_lock(&lock);
  if (ours(from)) full(0);
  int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
  if (result == 0 && ours(from)) note(flags & 2 ? EXCHANGE : RENAME, from, to, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int rename(const char *from, const char *to) { return renamed(from, to, 0); }
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  return from_dir == AT_FDCWD && to_dir == AT_FDCWD ? renamed(from, to, flags)
      : (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static int removed(const char *path, uint64_t op, int flags) {
  pthread_mutex_lock(&lock);
  if (ours(path)) full(0);
  int result = syscall(SYS_unlinkat, AT_FDCWD, path, flags);
  if (result == 0 && ours(path)) note(op, path, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int unlink(const char *path) { return removed(path, UNLINK, 0); }
int rmdir(const char *path) { return removed(path, RMDIR, AT_REMOVEDIR); }
int mkdir(const char *path, mode_t mode) {
  pthread_mutex_lock(&lock);
  if (ours(path) && full(1)) {
    pthread_mutex_unlock(&lock);
    return -1;
  }
  int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (result == 0 && ours(path)) note(MKDIR, path, NULL, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

/* Java finds renameat2 through a handle of its own, which a preloaded library does not stand before. */
void *dlsym(void *handle, const char *name) {
  static void *(*real)(void *, const char *);
  if (!real) real = (void *(*)(void *, const char *)) dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
  return strcmp(name, "renameat2") == 0 ? (void *) renameat2 : real(handle, name);
}
