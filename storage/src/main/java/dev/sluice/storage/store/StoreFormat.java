package dev.sluice.storage.store;

import dev.sluice.storage.BadInputException;
import java.util.regex.Pattern;

/**
 * The store on disk, version 3: a flat folder {@code NAME.sluice/} of four files. All numbers are little-endian, all
 * enum codes explicit. A page is 4096 bytes.
 *
 * <p><b>MANIFEST</b>, read and verified before anything else is opened: one ASCII line of 44 bytes, then JSON in UTF-8.
 *
 * <pre>
 *   offset  bytes  content
 *        0     12  "SLUICE STORE"
 *       12      1  space
 *       13      4  format version, decimal, zero-padded: "0003"
 *       17      1  space
 *       18      8  length of the JSON in bytes, decimal, zero-padded
 *       26      1  space
 *       27      8  CRC32C of the JSON, lower-case hexadecimal
 *       35      8  spaces, kept for later
 *       43      1  line feed
 *       44      n  JSON; the file ends with it
 * </pre>
 *
 * <p>JSON members: {@code version}, {@code created_by}, {@code container} (1 FILE, 2 LMDB), {@code arrangement} (1
 * BUNDLED, 2 SPLIT), {@code files} (name to {@code bytes} and {@code sha256}), {@code provenance}. The SHA-256 of the
 * JSON names the store.
 *
 * <p><b>catalog.mdb</b>: an LMDB environment (one file, main database), hashed against MANIFEST before LMDB maps it. Keys
 * in ASCII: {@code config} (JSON, see {@link SpecFormat}), {@code tokenizer} (the checkpoint's tokenizer.json, absent if
 * it had none), {@code tensors} and {@code ffn} (JSON, see {@link DirectoryFormat}), {@code order/N} (int32 × d_ff: the
 * neuron at each disk position of layer N), {@code checksums/dense} and {@code checksums/ffn} (int32 CRC32C per page),
 * {@code blob/KEY} (anything).
 *
 * <p><b>dense.bin</b>: resident tensors, row-major, each at a multiple of 64 bytes, zeros between, padded with zeros to
 * whole pages.
 *
 * <p><b>ffn.bin</b> (container FILE): per layer a body, which is one region per part, each starting on a page and padded
 * with zeros to whole pages. In a region the bundle (or part) at position p lies at p · stride; zeros fill the stride.
 *
 * <p><b>ffn.mdb</b> (container LMDB): an LMDB environment with 4096-byte pages, keys {@code layer/N}. A large LMDB value
 * begins 16 bytes into a page, after the overflow header, so each value is 4080 zeros and then the body of ffn.bin: bundle
 * 0 is on a page boundary. Readers use the file offsets that the catalog recorded and never ask LMDB.
 */
public final class StoreFormat {
  /** First bytes of every MANIFEST. */
  public static final String MAGIC = "SLUICE STORE";

  /** Version that is written. */
  public static final int VERSION = 3;

  /** Oldest version that can be read. */
  public static final int OLDEST_READABLE_VERSION = 1;

  /** How a store's folder is named by convention. */
  public static final String FOLDER_SUFFIX = ".sluice";

  public static final String MANIFEST = "MANIFEST";
  public static final String CATALOG = "catalog.mdb";
  public static final String DENSE = "dense.bin";

  /** Only in the temporary folder of a writer that can be resumed, see {@link Journal}. */
  static final String JOURNAL = "JOURNAL";

  static final String CREATED_BY = "sluice 0.1.0";
  static final int PAGE_BYTES = PageChecksums.PAGE_BYTES;
  static final int DENSE_ALIGNMENT_BYTES = 64;

  static final String KEY_CONFIG = "config";
  static final String KEY_TOKENIZER = "tokenizer";
  static final String KEY_TENSORS = "tensors";
  static final String KEY_FFN = "ffn";
  static final String KEY_DENSE_CHECKSUMS = "checksums/dense";
  static final String KEY_FFN_CHECKSUMS = "checksums/ffn";
  static final String PREFIX_ORDER = "order/";
  static final String PREFIX_BLOB = "blob/";

  /** LMDB keys end at 511 bytes; these leave room and are safe to print. */
  static final Pattern BLOB_KEY = Pattern.compile("[A-Za-z0-9._/=+-]{1,200}");

  private StoreFormat() {}

  /** Name of the file that holds the bundles. */
  public static String ffnFile(Container container) {
    return switch (container) {
      case FILE -> "ffn.bin";
      case LMDB -> "ffn.mdb";
    };
  }

  /** Where the page begins that an offset lies in. */
  static long pageStart(long offsetBytes) {
    return offsetBytes & -(long) PAGE_BYTES;
  }

  static long wholePages(long bytes) {
    return Math.addExact(bytes, PAGE_BYTES - 1L) / PAGE_BYTES * PAGE_BYTES;
  }

  /** What every check on a store's bytes throws. */
  static BadInputException damaged(Object where, String cause) {
    return new BadInputException(where, cause, "the store is damaged, import or bundle it again");
  }
}
