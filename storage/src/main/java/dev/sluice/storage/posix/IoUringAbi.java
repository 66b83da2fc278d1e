package dev.sluice.storage.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;

/**
 * The binary interface of io_uring: structs, flags and operation codes that a ring of plain reads
 * needs. Source: {@code include/uapi/linux/io_uring.h}. The layouts are the same on x86_64 and
 * aarch64.
 */
public final class IoUringAbi {
  /**
   * {@code struct io_sqring_offsets}: where the fields of the submission ring lie in its mapping.
   */
  private static final StructLayout SQ_OFFSETS =
      MemoryLayout.structLayout(
          JAVA_INT.withName("head"),
          JAVA_INT.withName("tail"),
          JAVA_INT.withName("ring_mask"),
          JAVA_INT.withName("ring_entries"),
          JAVA_INT.withName("flags"),
          JAVA_INT.withName("dropped"),
          JAVA_INT.withName("array"),
          JAVA_INT.withName("resv1"),
          JAVA_LONG.withName("user_addr"));

  /** {@code struct io_cqring_offsets}: the same for the completion ring. */
  private static final StructLayout CQ_OFFSETS =
      MemoryLayout.structLayout(
          JAVA_INT.withName("head"),
          JAVA_INT.withName("tail"),
          JAVA_INT.withName("ring_mask"),
          JAVA_INT.withName("ring_entries"),
          JAVA_INT.withName("overflow"),
          JAVA_INT.withName("cqes"),
          JAVA_INT.withName("flags"),
          JAVA_INT.withName("resv1"),
          JAVA_LONG.withName("user_addr"));

  /** {@code struct io_uring_params}, 120 bytes: in flags, out sizes, features and offsets. */
  public static final StructLayout PARAMS =
      MemoryLayout.structLayout(
          JAVA_INT.withName("sq_entries"),
          JAVA_INT.withName("cq_entries"),
          JAVA_INT.withName("flags"),
          JAVA_INT.withName("sq_thread_cpu"),
          JAVA_INT.withName("sq_thread_idle"),
          JAVA_INT.withName("features"),
          JAVA_INT.withName("wq_fd"),
          MemoryLayout.sequenceLayout(3, JAVA_INT).withName("resv"),
          SQ_OFFSETS.withName("sq_off"),
          CQ_OFFSETS.withName("cq_off"));

  /** {@code struct io_uring_sqe}, 64 bytes: one request. */
  public static final StructLayout SQE =
      MemoryLayout.structLayout(
          JAVA_BYTE.withName("opcode"),
          JAVA_BYTE.withName("flags"),
          JAVA_SHORT.withName("ioprio"),
          JAVA_INT.withName("fd"),
          JAVA_LONG.withName("off"),
          JAVA_LONG.withName("addr"),
          JAVA_INT.withName("len"),
          JAVA_INT.withName("rw_flags"),
          JAVA_LONG.withName("user_data"),
          JAVA_SHORT.withName("buf_index"),
          JAVA_SHORT.withName("personality"),
          JAVA_INT.withName("file_index"),
          JAVA_LONG.withName("addr3"),
          JAVA_LONG.withName("pad2"));

  /** {@code struct iovec}, 16 bytes: a buffer to register; {@code include/uapi/linux/uio.h}. */
  public static final StructLayout IOVEC =
      MemoryLayout.structLayout(JAVA_LONG.withName("iov_base"), JAVA_LONG.withName("iov_len"));

  /** {@code struct io_uring_cqe}, 16 bytes: one completion. */
  public static final StructLayout CQE =
      MemoryLayout.structLayout(
          JAVA_LONG.withName("user_data"), JAVA_INT.withName("res"), JAVA_INT.withName("flags"));

  public static final long PARAMS_SQ_ENTRIES = params("sq_entries");
  public static final long PARAMS_CQ_ENTRIES = params("cq_entries");
  public static final long PARAMS_FLAGS = params("flags");
  public static final long PARAMS_FEATURES = params("features");
  public static final long SQ_HEAD = sq("head");
  public static final long SQ_TAIL = sq("tail");
  public static final long SQ_RING_MASK = sq("ring_mask");
  public static final long SQ_ARRAY = sq("array");
  public static final long CQ_HEAD = cq("head");
  public static final long CQ_TAIL = cq("tail");
  public static final long CQ_RING_MASK = cq("ring_mask");
  public static final long CQ_CQES = cq("cqes");

  public static final long SQE_OPCODE = sqe("opcode");
  public static final long SQE_FLAGS = sqe("flags");
  public static final long SQE_FD = sqe("fd");
  public static final long SQE_OFF = sqe("off");
  public static final long SQE_ADDR = sqe("addr");
  public static final long SQE_LEN = sqe("len");
  public static final long SQE_USER_DATA = sqe("user_data");
  public static final long SQE_BUF_INDEX = sqe("buf_index");
  public static final long SQE_BYTES = SQE.byteSize();

  public static final long CQE_USER_DATA = CQE.byteOffset(PathElement.groupElement("user_data"));
  public static final long CQE_RES = CQE.byteOffset(PathElement.groupElement("res"));
  public static final long CQE_BYTES = CQE.byteSize();

  /**
   * Run completions when the task enters the kernel anyway, instead of interrupting it (Linux
   * 5.19).
   */
  public static final int SETUP_COOP_TASKRUN = 1 << 8;

  /** Both rings lie in one mapping (Linux 5.4). */
  public static final int FEAT_SINGLE_MMAP = 1 << 0;

  /** Completions that do not fit are kept by the kernel, not dropped (Linux 5.5). */
  public static final int FEAT_NODROP = 1 << 1;

  public static final int ENTER_GETEVENTS = 1 << 0;
  public static final long OFF_SQ_RING = 0;
  public static final long OFF_SQES = 0x10000000L;
  public static final int REGISTER_BUFFERS = 0;
  public static final int REGISTER_FILES = 2;
  public static final int UNREGISTER_FILES = 3;

  /** {@code IORING_OP_READ_FIXED}: into memory that was registered, whose pages the kernel holds already. */
  public static final byte OP_READ_FIXED = 4;

  /** {@code IORING_OP_READ}: plain buffer, no iovec (Linux 5.6). */
  public static final byte OP_READ = 22;

  public static final byte SQE_FIXED_FILE = 1 << 0;

  /** {@code IOSQE_ASYNC}: hand straight to a kernel worker, which may block. */
  public static final byte SQE_ASYNC = 1 << 4;

  /** The kernel takes no larger buffer. */
  public static final long MAX_BUFFER_BYTES = 1L << 30;

  private IoUringAbi() {}

  private static long params(String field) {
    return PARAMS.byteOffset(PathElement.groupElement(field));
  }

  private static long sq(String field) {
    return PARAMS.byteOffset(
        PathElement.groupElement("sq_off"), PathElement.groupElement(field));
  }

  private static long cq(String field) {
    return PARAMS.byteOffset(
        PathElement.groupElement("cq_off"), PathElement.groupElement(field));
  }

  private static long sqe(String field) {
    return SQE.byteOffset(PathElement.groupElement(field));
  }
}
