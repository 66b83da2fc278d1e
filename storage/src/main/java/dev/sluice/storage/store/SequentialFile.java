package dev.sluice.storage.store;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.posix.DirectFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A file that is written from start to end, past the page cache where the file system allows: pages that nobody reads
 * soon cost the kernel more than the disk takes, and a flush at the end would wait for all of them. Appending fills one
 * buffer while two threads write others, so that the device always has a request, and a third hashes them in the file's
 * order. Used by one thread, but for {@link #force}.
 */
final class SequentialFile implements AutoCloseable {
  private static final int PAGE_BYTES = StoreFormat.PAGE_BYTES;
  private static final int BUFFER_BYTES = 1 << 22;
  private static final int BUFFERS = 4;
  private static final int WRITERS = 2;

  private final FileChannel channel;
  private final RunningSummary summary = new RunningSummary(); // the hashing thread's, until it is awaited
  private final Arena arena = Arena.ofShared();
  private final Piece[] pieces;
  private final ExecutorService writers = threads(WRITERS, "sluice-sequential-write-");
  private final ExecutorService hasher = threads(1, "sluice-sequential-hash-");
  private CompletableFuture<Void> hashed = CompletableFuture.completedFuture(null); // all that was sent

  /** Writes the page that the current buffer begins with, if one does: this buffer's write must come second. */
  private CompletableFuture<Void> shared = CompletableFuture.completedFuture(null);

  private int current;
  private long startBytes; // where the current buffer begins in the file, whole pages
  private int hashedBytes; // bytes at the current buffer's start that are hashed already
  private int filledBytes;

  /** One buffer, and what is being done with it. */
  private static final class Piece {
    private final MemorySegment buffer;
    private CompletableFuture<Void> hashed = CompletableFuture.completedFuture(null);
    private CompletableFuture<Void> written = CompletableFuture.completedFuture(null);

    Piece(MemorySegment buffer) {
      this.buffer = buffer;
    }
  }

  /**
   * What was appended until a moment.
   *
   * @param sha256 of those bytes, in hexadecimal
   * @param written done when all of them are with the system
   */
  record Mark(long bytes, CompletableFuture<String> sha256, CompletableFuture<Void> written) {}

  private SequentialFile(FileChannel channel) {
    this.channel = channel;
    this.pieces = new Piece[BUFFERS];
    MemorySegment buffers = buffers(arena);
    Arrays.setAll(
        pieces,
        i -> new Piece(buffers.asSlice((long) i * BUFFER_BYTES, BUFFER_BYTES, PAGE_BYTES)));
  }

  /** In huge pages if there are any: small ones that lie apart make the kernel split a write into up to eight. */
  private static MemorySegment buffers(Arena arena) {
    try {
      return AnonymousMemory.map((long) BUFFERS * BUFFER_BYTES, arena);
    } catch (FaultException e) {
      // As the JVM's own allocation says it: no fault of the file, which may be one to go on with.
      OutOfMemoryError none = new OutOfMemoryError(e.getMessage());
      none.initCause(e);
      throw none;
    }
  }

  private static ExecutorService threads(int count, String name) {
    return Executors.newFixedThreadPool(
        count, Thread.ofPlatform().name(name, 0).daemon().factory());
  }

  /** Starts a file that does not exist. */
  static SequentialFile create(Path file) throws IOException {
    Files.createFile(file);
    return new SequentialFile(open(file));
  }

  /**
   * Goes on behind the first {@code bytes} of a file, whose digest is then that of {@link #sha256}. The file is as it was
   * until {@link #cut}, which must come before anything is appended.
   *
   * @throws dev.sluice.storage.FaultException if the file is shorter or cannot be read
   */
  static SequentialFile resume(Path file, long bytes) throws IOException {
    SequentialFile resumed = new SequentialFile(open(file));
    try {
      resumed.readBack(file, bytes);
      return resumed;
    } catch (IOException | RuntimeException e) {
      resumed.close();
      throw e;
    }
  }

  private static FileChannel open(Path file) throws IOException {
    return DirectFile.open(file, StandardOpenOption.WRITE);
  }

  /** Hashes what is there; the begun page returns into the buffer. */
  private void readBack(Path file, long bytes) throws IOException {
    startBytes = bytes / PAGE_BYTES * PAGE_BYTES;
    filledBytes = (int) (bytes - startBytes);
    try (FileChannel written = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment buffer = pieces[1].buffer;
      for (long at = 0; at < startBytes; at += BUFFER_BYTES) {
        MemorySegment some = buffer.asSlice(0, Math.min(BUFFER_BYTES, startBytes - at));
        FileScan.readFully(file, written, at, some);
        summary.update(some);
      }
      MemorySegment begun = pieces[0].buffer.asSlice(0, filledBytes);
      FileScan.readFully(file, written, startBytes, begun);
      summary.update(begun);
      hashedBytes = filledBytes;
    }
  }

  /** Cuts off what follows the page of the bytes behind which this goes on, which is written again with what is appended. */
  void cut() throws IOException {
    channel.truncate(StoreFormat.wholePages(bytes()));
  }

  /** Bytes appended so far. */
  long bytes() {
    return startBytes + filledBytes;
  }

  /** Copies {@code bytes}; they are written some time later. */
  void append(MemorySegment bytes) throws IOException {
    for (long done = 0; done < bytes.byteSize();) {
      long some = Math.min(BUFFER_BYTES - filledBytes, bytes.byteSize() - done);
      MemorySegment.copy(bytes, done, pieces[current].buffer, filledBytes, some);
      filledBytes += (int) some;
      done += some;
      if (filledBytes == BUFFER_BYTES) {
        turn();
      }
    }
  }

  /** Sends the full buffer on its way and waits until the next one is free. */
  private void turn() throws IOException {
    send();
    startBytes += BUFFER_BYTES;
    current = (current + 1) % BUFFERS;
    hashedBytes = 0;
    filledBytes = 0;
    await(pieces[current]);
  }

  private void send() {
    Piece piece = pieces[current];
    MemorySegment fresh = piece.buffer.asSlice(hashedBytes, filledBytes - hashedBytes);
    MemorySegment pages =
        piece.buffer.asSlice(0, StoreFormat.wholePages(filledBytes));
    pages.asSlice(filledBytes).fill((byte) 0);
    long at = startBytes;
    hashed = hashed.thenRunAsync(() -> summary.update(fresh), hasher); // in the file's order
    piece.hashed = hashed;
    piece.written =
        shared.thenRunAsync(
            () -> {
              try {
                writeFully(channel, at, pages);
              } catch (IOException e) {
                throw new CompletionException(e);
              }
            },
            writers);
    shared = CompletableFuture.completedFuture(null);
  }

  /** Waits for what is done with a buffer. */
  private static void await(Piece piece) throws IOException {
    join(piece.written);
    join(piece.hashed);
  }

  /** Waits for what another thread does, and throws what it threw. */
  static void join(CompletableFuture<?> work) throws IOException {
    try {
      work.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case IOException io -> throw io;
        case RuntimeException failure -> throw failure;
        default -> throw new IllegalStateException(e.getCause());
      }
    }
  }

  /**
   * Sends what was appended on its way, the begun page padded with zeros, and goes on in another buffer, where that page
   * begins again.
   */
  Mark mark() throws IOException {
    send();
    CompletableFuture<String> digest =
        hashed.thenApplyAsync(done -> summary.sha256SoFar(), hasher);
    hashed = digest.thenRun(() -> {}); // what follows is hashed when the digest is taken
    CompletableFuture<?>[] writes =
        Arrays.stream(pieces).map(piece -> piece.written).toArray(CompletableFuture[]::new);
    Mark mark = new Mark(bytes(), digest, CompletableFuture.allOf(writes));
    int pages = filledBytes / PAGE_BYTES * PAGE_BYTES;
    MemorySegment begun = pieces[current].buffer.asSlice(pages, filledBytes - pages);
    if (begun.byteSize() > 0) {
      shared = pieces[current].written;
    }
    current = (current + 1) % BUFFERS;
    await(pieces[current]);
    MemorySegment.copy(begun, 0, pieces[current].buffer, 0, begun.byteSize());
    startBytes += pages;
    filledBytes -= pages;
    hashedBytes = filledBytes;
    return mark;
  }

  /** Waits until all that was appended is with the system, the begun page padded with zeros. */
  void flush() throws IOException {
    mark();
    for (Piece piece : pieces) {
      await(piece);
    }
    join(hashed);
  }

  /** Waits until all that was flushed is on the device. Any thread. */
  void force() throws IOException {
    channel.force(true);
  }

  /** SHA-256 of all that was appended until the last {@link #flush}, in hexadecimal. */
  String sha256() {
    return summary.sha256SoFar();
  }

  /** Digest and checksums of the flushed file, which consists of whole pages. Ends the computation. */
  FileScan.Summary summary() {
    return summary.finish();
  }

  static void writeFully(FileChannel channel, long offsetBytes, MemorySegment bytes)
      throws IOException {
    ByteBuffer buffer = bytes.asByteBuffer();
    while (buffer.hasRemaining()) {
      channel.write(buffer, offsetBytes + buffer.position());
    }
  }

  /** Waits for what is being written; what becomes of it no longer matters. */
  @Override
  public void close() throws IOException {
    writers.close();
    hasher.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
    channel.close();
  }
}
