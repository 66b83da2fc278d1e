package dev.sluice.bench.synth;

import dev.sluice.bench.compare.Progress;
import dev.sluice.engine.kernel.Workers;
import dev.sluice.storage.store.Existing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes a GGUF file whose rows are computed: a tensor after the other, the rows of each by all workers, so that memory
 * stays small whatever the file's size.
 */
record GgufWriter(Workers workers, Progress progress) {
  private static final int CHUNK_BYTES = 1 << 20;

  /** Computes weights. Called from several threads at once. */
  interface RowSource {
    /**
     * Writes the rows {@code first … end − 1} of a tensor as they lie in the file.
     *
     * @param target little-endian, exactly as long as the rows
     */
    void fill(GgufHeader.Tensor tensor, int first, int end, ByteBuffer target);
  }

  /** Writes and publishes the file. */
  void write(Path target, Existing existing, GgufHeader header, RowSource source) {
    byte[] head = header.encode();
    long all = head.length + header.weightBytes();
    try (PartialFile file = PartialFile.create(target, existing, all)) {
      file.write(ByteBuffer.wrap(head), 0);
      AtomicLong written = new AtomicLong(head.length);
      long begin = head.length;
      for (GgufHeader.Tensor tensor : header.tensors()) {
        long offset = begin;
        int chunkRows = (int) Math.max(1, CHUNK_BYTES / tensor.rowBytes());
        workers.parallelFor(
            Math.ceilDiv(tensor.storedRows(), chunkRows),
            chunk -> {
              int first = chunk * chunkRows;
              int end = Math.min(first + chunkRows, tensor.storedRows());
              ByteBuffer rows = ByteBuffer.allocate((int) ((end - first) * tensor.rowBytes()))
                  .order(ByteOrder.LITTLE_ENDIAN);
              source.fill(tensor, first, end, rows);
              int length = rows.flip().limit();
              file.write(rows, offset + first * tensor.rowBytes());
              progress.report("writing " + tensor.name(), written.addAndGet(length), all);
            });
        long bytes = tensor.bytes();
        long padding = GgufHeader.aligned(bytes) - bytes;
        file.write(ByteBuffer.allocate((int) padding), begin + bytes);
        begin += bytes + padding;
      }
      progress.report("flushing", all, all);
      file.publish();
    }
  }
}
