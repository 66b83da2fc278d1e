/*
 * The control of `sluice bench io --against-c`: reads lists of requests with one io_uring, O_DIRECT and huge pages, by raw
 * system calls. Compiled on the spot: gcc -O2 -o ring ring.c
 *
 *   ring FILE DEPTH MEMORY [OPTION...]
 *
 * Each line of standard input names a list, which is answered by "loaded"; an empty line then runs it, which is answered by
 * "NANOS REQUESTS BYTES CHECK". CHECK is a sum over the first word of every request's bytes. Failures are "error TEXT".
 * A list is little-endian: u64 batches, then for each batch u64 requests and for each request u64 file offset, u64 length
 * and u64 place in memory. A batch begins when the one before has landed whole.
 *
 * How a merged read reaches the slots of its bundles, of S bytes each, in a second memory of the same size: copy=S copies them
 * from where they landed, readv=S lets the kernel land each in its slot. Both first pass over what was read, as a checksum does.
 * Without either, reads stay where they landed, as with contiguous slots for each run.
 *
 * Options: fixed (register the memory as buffers), plain (do not register the file), ringfd (register the ring's own
 * descriptor), coop, single, defer (IORING_SETUP flags), chunk=N (submit when so many are written), wait=N (wait for so many
 * at once), small (4 KiB pages).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_ENTER_REGISTERED_RING
#define IORING_ENTER_REGISTERED_RING (1U << 4)
#endif
#define REGISTER_RING_FDS 20

#define HUGE_PAGE (2UL << 20)
#define LARGEST_BUFFER (1UL << 30)

struct request { uint64_t offset, length, place; };

static int file, ring, enter_fd;
static unsigned enter_flags;
static unsigned depth, chunk = 16, least = 1;
static int fixed, registered = 1;
static char *memory;
static uint64_t memory_bytes;
static struct io_uring_sqe *entries;
static struct io_uring_cqe *completions;
static unsigned *sq_tail, *cq_head, *cq_tail, sq_mask, cq_mask;
static unsigned unsubmitted;
static uint64_t copy, scatter, next_slot;
static char *slots;
static struct iovec *pieces;
static volatile uint64_t passed;
#define MOST_PIECES 512

static void fail(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    printf("error ");
    vprintf(format, rest);
    printf(" (%s)\n", strerror(errno));
    va_end(rest);
    exit(1);
}

static void set_up(unsigned flags) {
    struct io_uring_params p;
    memset(&p, 0, sizeof p);
    p.flags = flags;
    ring = syscall(__NR_io_uring_setup, depth, &p);
    if (ring < 0) fail("io_uring_setup with flags %#x", flags);
    size_t bytes = p.sq_off.array + p.sq_entries * 4;
    size_t cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    if (cq_bytes > bytes) bytes = cq_bytes;
    char *rings = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    entries = mmap(0, p.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                   IORING_OFF_SQES);
    if (rings == MAP_FAILED || entries == MAP_FAILED) fail("mmap of the ring");
    unsigned *array = (unsigned *)(rings + p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; i++) array[i] = i;
    sq_tail = (unsigned *)(rings + p.sq_off.tail);
    cq_head = (unsigned *)(rings + p.cq_off.head);
    cq_tail = (unsigned *)(rings + p.cq_off.tail);
    sq_mask = *(unsigned *)(rings + p.sq_off.ring_mask);
    cq_mask = *(unsigned *)(rings + p.cq_off.ring_mask);
    completions = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
    enter_fd = ring;
}

static char *map_memory(int huge) {
    char *all = mmap(0, memory_bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) fail("mmap");
    char *aligned = (char *)(((uintptr_t)all + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    madvise(aligned, memory_bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(aligned, 1, memory_bytes);
    return aligned;
}

static void register_all(int ring_descriptor) {
    if (registered && syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, &file, 1) < 0) fail("registering the file");
    if (fixed) {
        unsigned count = 0;
        struct iovec buffers[64];
        for (uint64_t at = 0; at < memory_bytes && count < 64; at += LARGEST_BUFFER, count++) {
            buffers[count].iov_base = memory + at;
            buffers[count].iov_len = memory_bytes - at < LARGEST_BUFFER ? memory_bytes - at : LARGEST_BUFFER;
        }
        if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, buffers, count) < 0) fail("registering buffers");
    }
    if (ring_descriptor) {
        struct { uint32_t offset, resv; uint64_t data; } update = {~0U, 0, ring};
        if (syscall(__NR_io_uring_register, ring, REGISTER_RING_FDS, &update, 1) != 1) fail("registering the ring");
        enter_fd = update.offset;
        enter_flags = IORING_ENTER_REGISTERED_RING;
    }
}

static void enter(unsigned wait) {
    int n = syscall(__NR_io_uring_enter, enter_fd, unsubmitted, wait, enter_flags | (wait ? IORING_ENTER_GETEVENTS : 0), 0, 0);
    if (n >= 0) unsubmitted -= n;
    else if (errno != EINTR && errno != EAGAIN && errno != EBUSY) fail("io_uring_enter");
}

/* Slots in an order that no run keeps. */
static char *slot(uint64_t bytes) {
    next_slot = (next_slot * 6364136223846793005UL + 1442695040888963407UL);
    return slots + (next_slot >> 33) % (memory_bytes / bytes) * bytes;
}

static void pass(const char *from, uint64_t bytes) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < bytes; i += 8) sum += *(const uint64_t *)(from + i);
    passed += sum;
}

/* What follows when a request has landed whole. */
static void land(const struct request *r, uint64_t index) {
    if (copy) {
        pass(memory + r->place, r->length);
        for (uint64_t at = 0; at < r->length; at += copy)
            memcpy(slot(copy), memory + r->place + at, r->length - at < copy ? r->length - at : copy);
    }
    if (scatter) {
        struct iovec *own = pieces + index * MOST_PIECES;
        for (uint64_t at = 0, k = 0; at < r->length; at += scatter, k++) pass(own[k].iov_base, own[k].iov_len);
    }
}

static void push(const struct request *r, uint64_t done, uint64_t index) {
    unsigned tail = *sq_tail;
    struct io_uring_sqe *e = &entries[tail & sq_mask];
    e->opcode = fixed ? IORING_OP_READ_FIXED : IORING_OP_READ;
    e->flags = registered ? IOSQE_FIXED_FILE : 0;
    e->fd = registered ? 0 : file;
    e->off = r->offset + done;
    e->addr = (uint64_t)(memory + r->place + done);
    e->len = r->length - done;
    e->user_data = index;
    e->buf_index = fixed ? r->place / LARGEST_BUFFER : 0;
    if (scatter) {
        struct iovec *own = pieces + index * MOST_PIECES;
        unsigned count = 0;
        for (uint64_t at = 0; at < r->length && count < MOST_PIECES; at += scatter, count++) {
            own[count].iov_base = slot(scatter);
            own[count].iov_len = r->length - at < scatter ? r->length - at : scatter;
        }
        e->opcode = IORING_OP_READV;
        e->addr = (uint64_t)own;
        e->len = count;
    }
    __atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
    unsubmitted++;
}

/* Runs one batch; what arrives short is asked for again. */
static void run(const struct request *batch, uint64_t count, uint64_t *done) {
    uint64_t pushed = 0, landed = 0, flying = 0;
    memset(done, 0, count * sizeof *done);
    while (landed < count) {
        while (pushed < count && flying < depth) {
            push(&batch[pushed], 0, pushed);
            pushed++;
            flying++;
        }
        unsigned head = *cq_head;
        if (head == __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE)) {
            enter(flying < least ? flying : least);
            continue;
        }
        if (unsubmitted >= chunk) enter(0);
        do {
            struct io_uring_cqe *c = &completions[head & cq_mask];
            uint64_t i = c->user_data;
            int result = c->res;
            __atomic_store_n(cq_head, ++head, __ATOMIC_RELEASE);
            if (result < 0) { errno = -result; fail("a read at %lu", batch[i].offset); }
            done[i] += result;
            if (result == 0) { errno = ENODATA; fail("a read at %lu", batch[i].offset); }
            if (scatter && done[i] < batch[i].length) { errno = EIO; fail("a short read at %lu", batch[i].offset); }
            if (done[i] < batch[i].length) push(&batch[i], done[i], i);
            else { land(&batch[i], i); landed++; flying--; }
            if (pushed < count && flying < depth) {
                push(&batch[pushed], 0, pushed);
                pushed++;
                flying++;
                if (unsubmitted >= chunk) enter(0);
            }
        } while (head != __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE));
    }
}

static uint64_t nanos(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static uint64_t word(FILE *list) {
    uint64_t x;
    if (fread(&x, sizeof x, 1, list) != 1) fail("a short list");
    return x;
}

static void answer(const char *path) {
    FILE *list = fopen(path, "rb");
    if (!list) fail("%s", path);
    uint64_t batches = word(list), requests = 0, bytes = 0, check = 0, largest = 0;
    struct request **all = calloc(batches, sizeof *all);
    uint64_t *counts = calloc(batches, sizeof *counts);
    for (uint64_t b = 0; b < batches; b++) {
        counts[b] = word(list);
        all[b] = malloc(counts[b] * sizeof **all + 1);
        if (fread(all[b], sizeof **all, counts[b], list) != counts[b]) fail("a short list");
        requests += counts[b];
        if (counts[b] > largest) largest = counts[b];
        for (uint64_t i = 0; i < counts[b]; i++) bytes += all[b][i].length;
    }
    fclose(list);
    printf("loaded\n");
    fflush(stdout);
    char line[8];
    if (!fgets(line, sizeof line, stdin)) exit(0);
    if (scatter) {

        free(pieces);
        pieces = malloc(largest * MOST_PIECES * sizeof *pieces + 1);
    }
    uint64_t *done = malloc(largest * sizeof *done + 1);
    uint64_t began = nanos();
    for (uint64_t b = 0; b < batches; b++) {
        run(all[b], counts[b], done);
        for (uint64_t i = 0; i < counts[b]; i++) check += *(uint64_t *)(memory + all[b][i].place);
    }
    uint64_t spent = nanos() - began;
    for (uint64_t b = 0; b < batches; b++) free(all[b]);
    free(all);
    free(counts);
    free(done);
    printf("%lu %lu %lu %lu\n", spent, requests, bytes, check);
    fflush(stdout);
}

int main(int argc, char **argv) {
    unsigned flags = 0;
    int ring_descriptor = 0, huge = 1;
    if (argc < 4) return 2;
    depth = atoi(argv[2]);
    memory_bytes = (strtoull(argv[3], 0, 10) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    for (int i = 4; i < argc; i++) {
        if (!strcmp(argv[i], "fixed")) fixed = 1;
        else if (!strcmp(argv[i], "plain")) registered = 0;
        else if (!strcmp(argv[i], "ringfd")) ring_descriptor = 1;
        else if (!strcmp(argv[i], "coop")) flags |= IORING_SETUP_COOP_TASKRUN;
        else if (!strcmp(argv[i], "single")) flags |= IORING_SETUP_SINGLE_ISSUER;
        else if (!strcmp(argv[i], "defer")) flags |= IORING_SETUP_DEFER_TASKRUN;
        else if (!strcmp(argv[i], "small")) huge = 0;
        else if (!strncmp(argv[i], "copy=", 5)) copy = strtoull(argv[i] + 5, 0, 10);
        else if (!strncmp(argv[i], "readv=", 6)) scatter = strtoull(argv[i] + 6, 0, 10);
        else if (!strncmp(argv[i], "chunk=", 6)) chunk = atoi(argv[i] + 6);
        else if (!strncmp(argv[i], "wait=", 5)) least = atoi(argv[i] + 5);
        else { errno = EINVAL; fail("%s", argv[i]); }
    }
    file = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (file < 0) fail("%s", argv[1]);
    set_up(flags);
    memory = map_memory(huge);
    if (copy || scatter) slots = map_memory(huge);
    register_all(ring_descriptor);
    printf("ready\n");
    fflush(stdout);
    char path[4096];
    while (fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = 0;
        answer(path);
    }
    return 0;
}
