package dev.sluice.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A folder as a disk may hold it, while the calls that {@code record-writes.c} noted are made one after another. A file's bytes
 * are sure once it was flushed after they were written, a folder's names once the folder was; everything later may or may
 * not have arrived when the power fails.
 */
final class RecordedDisk {
  /** What of the calls so far a power cut leaves. */
  enum Left {
    /** Everything: the process was killed, the machine goes on. */
    ALL,
    /** Nothing that was not flushed. */
    FLUSHED,
    /** All names, but of files only what was flushed: as file systems do that journal names only. */
    NAMES,
    /** All bytes, but only names that were flushed. */
    BYTES,
    /** Everything but the second half of the last write. */
    TORN
  }

  /** A noted call; numbers as in the C source. */
  record Call(int op, String name, String to, long offset, byte[] data) {}

  private static final int MKDIR = 1;
  private static final int CREATE = 2;
  private static final int WRITE = 3;
  private static final int TRUNCATE = 4;
  private static final int SYNC = 5;
  private static final int RENAME = 6;
  private static final int EXCHANGE = 7;
  private static final int UNLINK = 8;
  private static final int RMDIR = 9;

  /** A file or folder, as it is and as it is for sure. */
  private static final class Node {
    private final Map<String, Node> names; // null for a file
    private Map<String, Node> sureNames = Map.of();
    private byte[] bytes = new byte[0];
    private byte[] sureBytes = new byte[0];
    private byte[] tornBytes; // before the second half of the last write, if that was the last call

    Node(boolean folder) {
      names = folder ? new TreeMap<>() : null;
    }

    void flush() {
      sureBytes = bytes;
      if (names != null) {
        sureNames = new TreeMap<>(names);
      }
    }
  }

  private final String root;
  private final Node top = new Node(true);
  private Node lastWritten; // by the last call, or null

  private RecordedDisk(String root) {
    this.root = root;
  }

  /** The folder as it is now, all of it for sure. */
  static RecordedDisk of(Path root) throws IOException {
    RecordedDisk disk = new RecordedDisk(root.toString());
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.sorted().toList()) {
        Node node = disk.top;
        if (!file.equals(root)) {
          node = new Node(Files.isDirectory(file));
          disk.parent(file.toString()).names.put(file.getFileName().toString(), node);
        }
        if (Files.isRegularFile(file)) {
          node.bytes = Files.readAllBytes(file);
        }
      }
    }
    disk.flushAll(disk.top);
    return disk;
  }

  private void flushAll(Node node) {
    node.flush();
    if (node.names != null) {
      node.names.values().forEach(this::flushAll);
    }
  }

  static List<Call> calls(Path log) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(log)).order(ByteOrder.LITTLE_ENDIAN);
    List<Call> calls = new ArrayList<>();
    while (in.hasRemaining()) {
      int op = (int) in.getLong();
      byte[] name = new byte[(int) in.getLong()];
      byte[] to = new byte[(int) in.getLong()];
      long offset = in.getLong();
      byte[] data = new byte[(int) in.getLong()];
      in.get(name).get(to).get(data);
      calls.add(
          new Call(op, new String(name, StandardCharsets.UTF_8),
              new String(to, StandardCharsets.UTF_8), offset, data));
    }
    return calls;
  }

  private Node find(String name) {
    Node node = top;
    for (String part : name.substring(root.length()).split("/")) {
      if (!part.isEmpty()) {
        node = node.names.get(part);
      }
    }
    return node;
  }

  private Node parent(String name) {
    return find(name.substring(0, name.lastIndexOf('/')));
  }

  private static String last(String name) {
    return name.substring(name.lastIndexOf('/') + 1);
  }

  /** Makes the next call. */
  void apply(Call call) {
    lastWritten = null;
    if (call.op == SYNC) {
      find(call.name).flush();
      return;
    }
    Map<String, Node> beside = parent(call.name).names;
    switch (call.op) {
      case MKDIR -> beside.put(last(call.name), new Node(true));
      case CREATE -> beside.put(last(call.name), new Node(false));
      case WRITE -> write(find(call.name), call);
      case TRUNCATE -> {
        Node file = find(call.name);
        file.bytes = Arrays.copyOf(file.bytes, (int) call.offset);
      }
      case RENAME -> parent(call.to).names.put(last(call.to), beside.remove(last(call.name)));
      case EXCHANGE -> {
        Node moved = beside.get(last(call.name));
        beside.put(last(call.name), parent(call.to).names.put(last(call.to), moved));
      }
      case UNLINK, RMDIR -> beside.remove(last(call.name));
      default -> throw new IllegalStateException("no such call: " + call.op);
    }
  }

  private void write(Node file, Call call) {
    int end = (int) call.offset + call.data.length;
    byte[] written = Arrays.copyOf(file.bytes, Math.max(file.bytes.length, end));
    byte[] torn = Arrays.copyOf(file.bytes, Math.max(file.bytes.length, end));
    System.arraycopy(call.data, 0, written, (int) call.offset, call.data.length);
    System.arraycopy(call.data, 0, torn, (int) call.offset, call.data.length / 2);
    file.bytes = written;
    file.tornBytes = torn;
    lastWritten = file;
  }

  /** What a crash leaves now: each file's bytes by its way from the root; folders end with a slash and have none. */
  Map<String, byte[]> left(Left left) {
    Map<String, byte[]> files = new TreeMap<>();
    collect(top, "", left, files);
    return files;
  }

  private void collect(Node folder, String prefix, Left left, Map<String, byte[]> files) {
    boolean allNames = left != Left.FLUSHED && left != Left.BYTES;
    for (Map.Entry<String, Node> entry : (allNames ? folder.names : folder.sureNames).entrySet()) {
      Node node = entry.getValue();
      if (node.names != null) {
        files.put(prefix + entry.getKey() + "/", new byte[0]);
        collect(node, prefix + entry.getKey() + "/", left, files);
      } else {
        files.put(prefix + entry.getKey(), bytes(node, left));
      }
    }
  }

  private byte[] bytes(Node file, Left left) {
    return switch (left) {
      case ALL, BYTES -> file.bytes;
      case FLUSHED, NAMES -> file.sureBytes;
      case TORN -> file.equals(lastWritten) ? file.tornBytes : file.bytes;
    };
  }
}
