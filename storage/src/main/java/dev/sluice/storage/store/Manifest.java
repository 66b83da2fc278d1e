package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a store's MANIFEST says. Its byte layout is in {@link StoreFormat}.
 *
 * @param files the other three files by name
 * @param digest SHA-256 of the JSON, lower-case hexadecimal
 */
record Manifest(
    Container container,
    Arrangement arrangement,
    SortedMap<String, FileEntry> files,
    Provenance provenance,
    String digest) {

  /**
   * @param sha256 lower-case hexadecimal
   */
  record FileEntry(long bytes, String sha256) {}

  static final int HEADER_BYTES = 44;
  static final int MAX_JSON_BYTES = 1 << 20;
  private static final int MAX_TEXT = 1 << 16;
  private static final Pattern HEADER =
      Pattern.compile("([0-9]{4}) ([0-9]{8}) ([0-9a-f]{8}) {8}\n");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /** Encodes a manifest as the bytes of its file. */
  static byte[] encode(
      Container container,
      Arrangement arrangement,
      SortedMap<String, FileEntry> files,
      Provenance provenance) {
    ObjectNode json = JsonFields.newObject();
    json.put("version", StoreFormat.VERSION);
    json.put("created_by", StoreFormat.CREATED_BY);
    json.put("container", container.code());
    json.put("arrangement", arrangement.code());
    ObjectNode fileList = json.putObject("files");
    files.forEach(
        (name, entry) -> fileList.putObject(name).put("bytes", entry.bytes()).put("sha256",
            entry.sha256()));
    ObjectNode origin = json.putObject("provenance");
    origin.put("source", provenance.source());
    origin.put("trace_digest", provenance.traceDigest());
    origin.put("order", provenance.order());
    origin.put("seed", provenance.seed());
    ObjectNode notes = origin.putObject("notes");
    provenance.notes().forEach(notes::put);
    byte[] body = JsonFields.write(json);
    if (body.length > MAX_JSON_BYTES) {
      throw new BadInputException(
          StoreFormat.MANIFEST, "the provenance is too long", "shorten its notes");
    }
    byte[] file = new byte[HEADER_BYTES + body.length];
    byte[] header =
        "%s %04d %08d %08x        \n"
            .formatted(StoreFormat.MAGIC, StoreFormat.VERSION, body.length, crc(body))
            .getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(header, 0, file, 0, HEADER_BYTES);
    System.arraycopy(body, 0, file, HEADER_BYTES, body.length);
    return file;
  }

  /**
   * Reads and verifies a MANIFEST.
   *
   * @throws BadInputException if it is missing, no manifest, of a version we cannot read, or cut short
   * @throws FaultException if its checksum does not match
   */
  static Manifest read(Path file) {
    return decode(file, readBounded(file));
  }

  static Manifest decode(Path file, byte[] bytes) {
    byte[] body = verifiedJson(file, bytes);
    JsonFields json = JsonFields.parse(file, body);
    int version = headerVersion(bytes);
    json.intIn("version", version, version);
    JsonFields origin = json.fields("provenance");
    Provenance provenance =
        new Provenance(
            origin.string("source", MAX_TEXT),
            origin.string("trace_digest", MAX_TEXT),
            origin.string("order", MAX_TEXT),
            origin.longIn("seed", Long.MIN_VALUE, Long.MAX_VALUE),
            origin.fields("notes").strings(MAX_JSON_BYTES));
    Container container;
    Arrangement arrangement;
    try {
      container = Container.ofCode(json.intIn("container", 0, 255));
      arrangement = Arrangement.ofCode(json.intIn("arrangement", 0, 255));
    } catch (IllegalArgumentException e) {
      throw StoreFormat.damaged(file, e.getMessage());
    }
    JsonFields fileList = json.fields("files");
    SortedMap<String, FileEntry> files = new TreeMap<>();
    for (String name : new String[] {StoreFormat.CATALOG, StoreFormat.DENSE,
      StoreFormat.ffnFile(container)}) {
      JsonFields entry = fileList.fields(name);
      String sha256 = entry.string("sha256", 64);
      if (!SHA256.matcher(sha256).matches()) {
        throw StoreFormat.damaged(file, "the digest of " + name + " is not a SHA-256");
      }
      files.put(name, new FileEntry(entry.longIn("bytes", 0, Long.MAX_VALUE / 2), sha256));
    }
    return new Manifest(container, arrangement, files, provenance, FileScan.sha256(body));
  }

  private static byte[] verifiedJson(Path file, byte[] bytes) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    if (!text.startsWith(StoreFormat.MAGIC + " ")) {
      throw new BadInputException(
          file, "not the manifest of a store", "give a folder that sluice import wrote");
    }
    int afterMagic = StoreFormat.MAGIC.length() + 1;
    Matcher header =
        HEADER.matcher(text).region(afterMagic, Math.min(HEADER_BYTES, text.length()));
    if (!header.matches()) {
      throw StoreFormat.damaged(file, "its header line is malformed");
    }
    int version = headerVersion(bytes);
    if (version < StoreFormat.OLDEST_READABLE_VERSION || version > StoreFormat.VERSION) {
      throw new BadInputException(
          file,
          "format version " + version + ", this program reads " + versions(),
          version > StoreFormat.VERSION ? "use a newer sluice" : "import the model again");
    }
    int length = Integer.parseInt(header.group(2));
    if (length != bytes.length - HEADER_BYTES) {
      throw StoreFormat.damaged(
          file, "holds " + (bytes.length - HEADER_BYTES) + " bytes of JSON instead of " + length);
    }
    byte[] body = new byte[length];
    System.arraycopy(bytes, HEADER_BYTES, body, 0, length);
    if (HexFormat.fromHexDigits(header.group(3)) != (int) crc(body)) {
      throw new FaultException(
          file, "does not match its checksum", "the store is damaged, import or bundle it again");
    }
    return body;
  }

  /** Of bytes whose header line is well-formed. */
  private static int headerVersion(byte[] bytes) {
    return Integer.parseInt(
        new String(bytes, StoreFormat.MAGIC.length() + 1, 4, StandardCharsets.US_ASCII));
  }

  private static String versions() {
    return StoreFormat.OLDEST_READABLE_VERSION == StoreFormat.VERSION
        ? "version " + StoreFormat.VERSION
        : "versions " + StoreFormat.OLDEST_READABLE_VERSION + " to " + StoreFormat.VERSION;
  }

  private static byte[] readBounded(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new BadInputException(
          file, "no such file", "give a store folder that sluice import wrote");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long bytes = channel.size();
      if (bytes > HEADER_BYTES + MAX_JSON_BYTES) {
        throw StoreFormat.damaged(file, bytes + " bytes are too many for a manifest");
      }
      return FileScan.readFully(file, channel, (int) bytes);
    } catch (IOException e) {
      throw FileScan.unreadable(file, e);
    }
  }

  private static long crc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return crc.getValue();
  }
}
