package dev.sluice.storage.store;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.sluice.storage.BadInputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code JOURNAL} in a temporary folder: what was written to the files beside it. Lines, each the CRC32C of its JSON as
 * eight hexadecimal digits, a space, the JSON, a line feed. The first names the plan, see {@link #plan}; each of the others
 * says how far {@code dense.bin} and {@code ffn.bin} have come: {@code tensors} since the line before, {@code dense_bytes},
 * {@code layers}, the SHA-256 of both files until there, and {@code safe_from}, see {@link Danger}. A line that a kill cut
 * short is ignored, with all behind it. Used by one thread.
 */
final class Journal implements AutoCloseable {
  private static final int VERSION = 2;
  private static final int MAX_BYTES = 1 << 28;
  private static final int CRC_DIGITS = 8;
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /**
   * How far a writer has come.
   *
   * @param tensors in dense.bin, in its order
   * @param denseBytes of dense.bin up to the last of them, without what pads it
   * @param layers in ffn.bin
   */
  record State(
      List<DenseTensor> tensors, long denseBytes, String denseSha256, int layers,
      String ffnSha256) {
    private static final String OF_NOTHING = FileScan.sha256(new byte[0]);

    static final State START = new State(List.of(), 0, OF_NOTHING, 0, OF_NOTHING);
  }

  /** What written bytes outlive. */
  enum Danger {
    /** The end of the process: the system has them. */
    KILL,
    /** The end of the system: the device has them. */
    POWER_CUT
  }

  private final FileChannel channel;
  private State state;
  private long endBytes;

  private Journal(FileChannel channel, State state, long endBytes) {
    this.channel = channel;
    this.state = state;
    this.endBytes = endBytes;
  }

  /** Names a source and all that decides what a store of it will be. */
  static String plan(String source, ModelSpec spec, StoreWriter.Options options) {
    String all =
        String.join(
            "\n",
            StoreFormat.CREATED_BY,
            Integer.toString(StoreFormat.VERSION),
            source,
            new String(SpecFormat.encode(spec), ISO_8859_1),
            options.container() + " " + options.arrangement() + " " + options.strideBytes());
    return FileScan.sha256(all.getBytes(ISO_8859_1));
  }

  /** Starts a journal; it is on the device when this returns. */
  static Journal start(Path file, String plan) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    Journal journal = new Journal(channel, State.START, 0);
    ObjectNode json = JsonFields.newObject();
    json.put("journal", VERSION);
    json.put("plan", plan);
    journal.write(json);
    channel.force(true);
    return journal;
  }

  /** The plan that the journal of a folder names; empty if it has none that can be read. */
  static Optional<String> planIn(Path folder) {
    Path file = folder.resolve(StoreFormat.JOURNAL);
    try {
      List<Line> lines = lines(file);
      return lines.isEmpty() ? Optional.empty() : Optional.of(plan(file, lines.getFirst()));
    } catch (IOException | BadInputException e) {
      return Optional.empty();
    }
  }

  /**
   * Goes on with a journal, behind its last line about bytes that outlive {@code danger}; the lines after it are cut off.
   *
   * @throws BadInputException if whole lines of it make no sense
   */
  static Journal resume(Path file, Danger danger) throws IOException {
    List<Line> lines = lines(file);
    if (lines.isEmpty()) {
      throw StoreFormat.damaged(file, "its first line is not whole");
    }
    State latest = State.START;
    State state = State.START;
    long endBytes = lines.getFirst().endBytes();
    for (Line line : lines.subList(1, lines.size())) {
      JsonFields json = JsonFields.parse(file, line.json());
      latest = after(latest, file, json);
      if (safeFrom(file, json).compareTo(danger) >= 0) {
        state = latest;
        endBytes = line.endBytes();
      }
    }
    FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
    channel.truncate(endBytes);
    return new Journal(channel, state, endBytes);
  }

  private static Danger safeFrom(Path file, JsonFields json) {
    String name = json.string("safe_from", 16);
    for (Danger danger : Danger.values()) {
      if (name.equals(nameOf(danger))) {
        return danger;
      }
    }
    throw StoreFormat.damaged(file, "'safe_from' is neither kill nor power_cut");
  }

  private static String nameOf(Danger danger) {
    return danger.name().toLowerCase(Locale.ROOT);
  }

  private static State after(State before, Path file, JsonFields json) {
    long denseBytes = json.longIn("dense_bytes", before.denseBytes(), Long.MAX_VALUE / 2);
    List<DenseTensor> tensors = new ArrayList<>(before.tensors());
    tensors.addAll(DirectoryFormat.decodeTensors(file, json, denseBytes));
    return new State(
        List.copyOf(tensors),
        denseBytes,
        digest(file, json, "dense_sha256"),
        json.intIn("layers", before.layers(), SpecFormat.MAX_LAYERS),
        digest(file, json, "ffn_sha256"));
  }

  private static String digest(Path file, JsonFields json, String name) {
    String digest = json.string(name, 64);
    if (!SHA256.matcher(digest).matches()) {
      throw StoreFormat.damaged(file, "'" + name + "' is not a SHA-256");
    }
    return digest;
  }

  private static String plan(Path file, Line first) {
    JsonFields json = JsonFields.parse(file, first.json());
    json.intIn("journal", VERSION, VERSION);
    return digest(file, json, "plan");
  }

  /** JSON of a whole line, and where the line ends in the file. */
  private record Line(byte[] json, long endBytes) {}

  /** Whole lines up to the first that is not. */
  private static List<Line> lines(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw StoreFormat.damaged(file, "it is too long for a journal");
    }
    byte[] bytes = Files.readAllBytes(file);
    List<Line> lines = new ArrayList<>();
    int start = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] != '\n') {
        continue;
      }
      int jsonAt = start + CRC_DIGITS + 1;
      if (at <= jsonAt) {
        break;
      }
      byte[] json = Arrays.copyOfRange(bytes, jsonAt, at);
      if (!new String(bytes, start, CRC_DIGITS, ISO_8859_1).equals(crc(json))) {
        break;
      }
      lines.add(new Line(json, at + 1));
      start = at + 1;
    }
    return lines;
  }

  private static String crc(byte[] json) {
    CRC32C crc = new CRC32C();
    crc.update(json);
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }

  /** How far it says the files have come. */
  State state() {
    return state;
  }

  /**
   * Says how far they have come now. As safe as the bytes it tells of when this returns.
   *
   * @param newer than {@link #state}, with the same tensors first
   * @param danger what the bytes outlive
   */
  void append(State newer, Danger danger) throws IOException {
    ObjectNode json = JsonFields.newObject();
    DirectoryFormat.encodeTensors(
        newer.tensors().subList(state.tensors().size(), newer.tensors().size()), json);
    json.put("dense_bytes", newer.denseBytes());
    json.put("dense_sha256", newer.denseSha256());
    json.put("layers", newer.layers());
    json.put("ffn_sha256", newer.ffnSha256());
    json.put("safe_from", nameOf(danger));
    write(json);
    switch (danger) {
      case KILL -> {} // the system has it
      case POWER_CUT -> channel.force(true);
    }
    state = newer;
  }

  private void write(ObjectNode json) throws IOException {
    byte[] body = JsonFields.write(json);
    byte[] line = new byte[CRC_DIGITS + 1 + body.length + 1];
    System.arraycopy((crc(body) + " ").getBytes(ISO_8859_1), 0, line, 0, CRC_DIGITS + 1);
    System.arraycopy(body, 0, line, CRC_DIGITS + 1, body.length);
    line[line.length - 1] = '\n';
    SequentialFile.writeFully(channel, endBytes, MemorySegment.ofArray(line));
    endBytes += line.length;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
