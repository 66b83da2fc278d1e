package dev.sluice.bundler.input;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.AnonymousMemory;
import dev.sluice.storage.posix.DirectFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The data of a checkpoint's file, read once and by position. Past the page cache where the file system allows: gigabytes that
 * nobody reads again would push out what somebody does, and in a memory cgroup the reader waits for their reclaim. Never
 * mapped: a file cut short underneath then is an error, not a crash of the process. Thread-safe.
 */
public final class WeightData implements AutoCloseable {
  private static final int PIECE_BYTES = 4 << 20;
  private static final int PAGE = DirectFile.ALIGNMENT_BYTES;

  private final Path file;
  private final FileChannel channel;
  private final Arena arena = Arena.ofShared();
  private final ConcurrentLinkedQueue<MemorySegment> idle = new ConcurrentLinkedQueue<>(); // one for each read at a time

  private WeightData(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Opens a file that {@link InputFiles#open} could open a moment ago. */
  public static WeightData open(Path file) {
    try {
      return new WeightData(file, DirectFile.open(file, StandardOpenOption.READ));
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
  }

  /**
   * Fills native memory from {@code offsetBytes} on.
   *
   * @param place for messages
   * @throws FaultException if the device fails or the file ends before
   */
  public void read(long offsetBytes, MemorySegment target, String place) {
    MemorySegment piece = idle.poll();
    if (piece == null) {
      piece = AnonymousMemory.map(PIECE_BYTES, arena); // small pages that lie apart would split a read
    }
    long end = offsetBytes + target.byteSize();
    for (long at = offsetBytes; at < end;) {
      long from = at / PAGE * PAGE;
      long wanted = Math.min(PIECE_BYTES, (end - from + PAGE - 1) / PAGE * PAGE);
      long got = Math.min(readPages(from, piece.asSlice(0, wanted)), end - from);
      if (got <= at - from) {
        throw new FaultException(
            place, "the file was cut short while it was read", "fetch it again and repeat");
      }
      MemorySegment.copy(piece, at - from, target, at - offsetBytes, got - (at - from));
      at = from + got;
    }
    idle.add(piece);
  }

  /** Reads until the piece is full, the file ends, or a read ends within a page, from which a direct one cannot go on. */
  private long readPages(long from, MemorySegment piece) {
    long done = 0;
    try {
      while (done < piece.byteSize() && done % PAGE == 0) {
        int got = channel.read(piece.asSlice(done).asByteBuffer(), from + done);
        if (got <= 0) {
          break;
        }
        done += got;
      }
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
    return done;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw InputFiles.refusal(file, e);
    }
    arena.close();
  }
}
