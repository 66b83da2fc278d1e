package dev.sluice.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sluice.storage.FaultException;
import dev.sluice.storage.tensor.TensorType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which pages are read for which tensors, and what a failed piece does to the others. */
class DenseLoadingTest {
  private static final int PIECE_BYTES = 4 << 20;

  /** Bytes that would be read, as {@code from+length}. */
  private final List<String> read = new ArrayList<>();

  private DenseLoading loading(List<DenseTensor> tensors, Set<String> left, Arena arena) {
    return new DenseLoading(tensors, left, arena.allocate(16 << 20, 4096),
        (from, pages) -> read.add(from + "+" + pages.byteSize()));
  }

  private static DenseTensor bytes(String name, long offsetBytes, int bytes) {
    return new DenseTensor(name, TensorType.I8, List.of(bytes), offsetBytes, bytes);
  }

  @Test
  void eachPageIsReadOnceWhateverLiesInIt() {
    try (Arena arena = Arena.ofConfined()) {
      DenseLoading loading =
          loading(
              List.of(bytes("a", 0, 100), bytes("b", 128, 8000), bytes("left", 8192, 5000),
                  bytes("c", 13248, PIECE_BYTES + 1)),
              Set.of("left"), arena);
      for (int piece = 0; piece < loading.pieces(); piece++) {
        loading.read(piece);
      }
      assertEquals(List.of("0+4096", "4096+4096", "12288+" + PIECE_BYTES,
          12288 + PIECE_BYTES + "+4096"), read);
    }
  }

  @Test
  void nothingIsReadWhereAllIsLeft() {
    try (Arena arena = Arena.ofConfined()) {
      assertEquals(0, loading(List.of(bytes("a", 0, 100)), Set.of("a"), arena).pieces());
    }
  }

  @Test
  void afterAFailureNoOtherPieceIsRead() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(2L * PIECE_BYTES, 4096);
      DenseLoading loading =
          new DenseLoading(List.of(bytes("a", 0, 2 * PIECE_BYTES)), Set.of(), memory,
              (from, pages) -> {
                read.add(from + "+" + pages.byteSize());
                throw new FaultException("dense.bin", "cannot be read", "try again");
              });
      assertThrows(FaultException.class, () -> loading.read(0));
      loading.read(1);
      assertEquals(List.of("0+" + PIECE_BYTES), read);
    }
  }
}
