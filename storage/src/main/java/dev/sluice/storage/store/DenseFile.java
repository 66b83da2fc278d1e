package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.tensor.TensorType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** {@code dense.bin} while it is written: tensors one after another, each at a multiple of 64 bytes. */
final class DenseFile implements AutoCloseable {
  private static final long CHUNK_BYTES = 1L << 26;

  private final FileChannel channel;
  private final List<DenseTensor> tensors = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private final RunningSummary summary = new RunningSummary();
  private long endBytes;

  DenseFile(Path file) throws IOException {
    this.channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  void append(String name, TensorType type, List<Integer> shape, MemorySegment data)
      throws IOException {
    boolean shaped =
        !shape.isEmpty()
            && shape.size() <= DirectoryFormat.MAX_DIMENSIONS
            && shape.stream().allMatch(extent -> extent > 0);
    if (!shaped || DirectoryFormat.tensorBytes(name, type, shape) != data.byteSize()) {
      throw new BadInputException(
          "tensor " + name,
          data.byteSize() + " bytes cannot have shape " + shape + " of " + type,
          "check the checkpoint");
    }
    boolean named = !name.isEmpty() && name.length() <= DirectoryFormat.MAX_TENSOR_NAME;
    if (!named || names.contains(name) || names.size() == DirectoryFormat.MAX_TENSORS) {
      throw new BadInputException(
          "tensor " + name, "is there twice, or its name cannot be used", "check the checkpoint");
    }
    padTo(Math.ceilDiv(endBytes, StoreFormat.DENSE_ALIGNMENT_BYTES)
        * (long) StoreFormat.DENSE_ALIGNMENT_BYTES);
    for (long done = 0; done < data.byteSize(); done += CHUNK_BYTES) {
      write(endBytes + done, data.asSlice(done, Math.min(CHUNK_BYTES, data.byteSize() - done)));
    }
    names.add(name);
    tensors.add(new DenseTensor(name, type, shape, endBytes, data.byteSize()));
    endBytes += data.byteSize();
  }

  /** Pads to whole pages and flushes; returns the directory. */
  List<DenseTensor> finish() throws IOException {
    padTo(StoreFormat.wholePages(endBytes));
    channel.force(true);
    return List.copyOf(tensors);
  }

  private void padTo(long offsetBytes) throws IOException {
    MemorySegment zeros = MemorySegment.ofArray(new byte[(int) (offsetBytes - endBytes)]);
    write(endBytes, zeros);
    endBytes = offsetBytes;
  }

  private void write(long offsetBytes, MemorySegment bytes) throws IOException {
    FileLayerBodies.writeFully(channel, offsetBytes, bytes);
    summary.update(offsetBytes, bytes);
  }

  /** Digest and checksums of the finished file. */
  FileScan.Summary summary() {
    return summary.finish().orElseThrow();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
