package dev.sluice.storage.posix;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PosixTest {
  @TempDir
  Path folder;

  @Test
  void errnosHaveTheSystemsText() {
    assertEquals("Input/output error (EIO)", Errno.text(Errno.EIO));
    assertEquals("Operation not permitted (EPERM)", Errno.text(Errno.EPERM));
    assertTrue(Errno.text(9999).endsWith("(errno 9999)"));
  }

  @Test
  void failuresComeBackAsNegatedErrno() {
    String missing = folder.resolve("missing").toString();
    assertEquals(-Errno.ENOENT, Libc.open(missing, OpenFlag.O_RDONLY));
    assertEquals(-Errno.EBADF, Libc.close(-1));
    assertEquals(-Errno.EBADF, Libc.pread(-1, 0, 1, 0));
    assertEquals(-Errno.EINVAL, Libc.madvise(1, 4096, Libc.MADV_RANDOM));
    assertEquals(
        -Errno.EBADF, Libc.syscall(Libc.SYS_IO_URING_ENTER, 99_999, 0, 0, 0, 0, 0));
  }

  @Test
  void processorTimeOfAProcessGrowsAndOfNoneIsAnError() {
    long self = ProcessHandle.current().pid();
    long before = Libc.processorNanos(self);
    assertTrue(before > 0);
    long after = before;
    while (after < before + 1_000_000) { // each call takes some itself
      after = Libc.processorNanos(self);
      assertTrue(after >= before);
    }
    assertEquals(-Errno.EINVAL, Libc.processorNanos(1L << 27));
  }

  @Test
  void readsWhatJavaWrote() throws Exception {
    Path file = Files.writeString(folder.resolve("größe"), "sluice");
    int fd = Libc.open(file.toString(), OpenFlag.O_RDONLY | OpenFlag.O_CLOEXEC);
    assertTrue(fd >= 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(16);
      assertEquals(5, Libc.pread(fd, buffer.address(), 16, 1));
      assertEquals("luice", buffer.getString(0, StandardCharsets.UTF_8));
      assertEquals(0, Libc.pread(fd, buffer.address(), 16, 6));
      assertEquals(6, Libc.lseek(fd, 0, Libc.SEEK_END));
      assertEquals(6, FileStatus.of(fd).sizeBytes());
    }
    assertEquals(0, Libc.close(fd));
  }

  @Test
  void statusAgreesWithJava() throws Exception {
    Path file = Files.write(folder.resolve("f"), new byte[12_345]);
    FileStatus status = FileStatus.of(file);
    assertEquals(FileStatus.Kind.REGULAR, status.kind());
    assertEquals(12_345, status.sizeBytes());
    assertEquals(FileStatus.Kind.FOLDER, FileStatus.of(folder).kind());
    assertEquals(FileStatus.Kind.OTHER, FileStatus.of(Path.of("/dev/null")).kind());
    if (status.directAlignmentBytes() != 0) {
      assertEquals(1, Integer.bitCount(status.directAlignmentBytes()));
    }
    var e =
        assertThrows(SystemCallException.class, () -> FileStatus.of(folder.resolve("missing")));
    assertEquals(Errno.ENOENT, e.errno());
  }

  /** Sizes and offsets by the C compiler, from the kernel's header. */
  @Test
  void ringStructsHaveTheKernelsLayout() {
    assertEquals(120, IoUringAbi.PARAMS.byteSize());
    assertEquals(20, IoUringAbi.PARAMS_FEATURES);
    assertEquals(40, IoUringAbi.SQ_HEAD);
    assertEquals(64, IoUringAbi.SQ_ARRAY);
    assertEquals(80, IoUringAbi.CQ_HEAD);
    assertEquals(100, IoUringAbi.CQ_CQES);
    assertEquals(64, IoUringAbi.SQE_BYTES);
    assertEquals(32, IoUringAbi.SQE_USER_DATA);
    assertEquals(16, IoUringAbi.CQE_BYTES);
    assertEquals(8, IoUringAbi.CQE_RES);
  }
}
