package dev.sluice.storage.block;

import com.sun.nio.file.ExtendedOpenOption;
import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import dev.sluice.storage.posix.Errno;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;

/** {@code FileChannel.read} at a position: what the JDK offers without foreign calls. Allocates a small view for each read. */
final class ChannelRead implements PositionedRead {
  private final FileChannel channel;

  private ChannelRead(FileChannel channel) {
    this.channel = channel;
  }

  /** The same file once more, as directly as {@code file} is read. */
  static ChannelRead open(SourceFile file) {
    try {
      return new ChannelRead(file.access() == Access.DIRECT
          ? FileChannel.open(file.path(), StandardOpenOption.READ, ExtendedOpenOption.DIRECT)
          : FileChannel.open(file.path(), StandardOpenOption.READ));
    } catch (IOException | UnsupportedOperationException e) {
      throw new BadInputException(file.path(), "cannot be opened by FileChannel (" + e + ")",
          "use --io pread", e);
    }
  }

  /** The alignment that the JDK asks of direct reads, whatever the file does. */
  static int alignmentBytes(SourceFile file) {
    try {
      return file.access() == Access.DIRECT
          ? Math.toIntExact(Files.getFileStore(file.path()).getBlockSize()) : 1;
    } catch (IOException | UnsupportedOperationException e) {
      throw new BadInputException(file.path(), "has no known block size (" + e + ")",
          "use --io pread", e);
    }
  }

  @Override
  public long read(long address, int lengthBytes, long fileOffsetBytes) {
    try {
      ByteBuffer buffer =
          MemorySegment.ofAddress(address).reinterpret(lengthBytes).asByteBuffer();
      return Math.max(0, channel.read(buffer, fileOffsetBytes)); // −1 at the end of the file
    } catch (IOException e) {
      return -Errno.ofText(FaultException.reason(e));
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      return; // it was only read
    }
  }
}
