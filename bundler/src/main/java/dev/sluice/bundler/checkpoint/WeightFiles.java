package dev.sluice.bundler.checkpoint;

import dev.sluice.bundler.input.InputFiles;
import dev.sluice.bundler.input.Shown;
import dev.sluice.storage.BadInputException;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * All tensors of a checkpoint folder: those of {@code model.safetensors}, or of the shards that
 * {@code model.safetensors.index.json} names. Reads may run on several threads at once.
 */
final class WeightFiles implements AutoCloseable {
  private static final String WHOLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final int INDEX_LIMIT_BYTES = 128 << 20;
  private static final int SHARDS_LIMIT = 10_000;

  /** A plain name in the same folder: no separators, so no way out of it. */
  private static final Pattern SHARD_NAME =
      Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._+-]{0,200}\\.safetensors");

  /** A tensor and the file it lies in. */
  record Located(SafetensorsFile file, SafetensorsFile.Tensor tensor) {
    /** How messages name it. */
    String place() {
      return SafetensorsFile.place(file.file(), tensor.name());
    }
  }

  private final Path folder;
  private final List<SafetensorsFile> files = new ArrayList<>();
  private final Map<String, Located> tensors = new LinkedHashMap<>();

  private WeightFiles(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens and checks every weight file.
   *
   * @throws BadInputException naming the file, shard or tensor that is missing or wrong
   */
  static WeightFiles open(Path folder) {
    WeightFiles opened = new WeightFiles(folder);
    try {
      if (Files.exists(folder.resolve(WHOLE))) {
        opened.add(SafetensorsFile.open(folder.resolve(WHOLE)));
      } else if (Files.exists(folder.resolve(INDEX))) {
        opened.addShards(folder.resolve(INDEX));
      } else {
        throw new BadInputException(
            folder,
            "it has neither " + WHOLE + " nor " + INDEX,
            "give a folder with safetensors weights, or convert its weights to them");
      }
      return opened;
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  /** Every tensor by name, in file order. */
  Map<String, Located> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  Path folder() {
    return folder;
  }

  List<SafetensorsFile> files() {
    return Collections.unmodifiableList(files);
  }

  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }

  private void addShards(Path index) {
    Map<String, String> shardOfTensor = weightMap(index);
    TreeMap<String, SafetensorsFile> shards = new TreeMap<>();
    for (Map.Entry<String, String> entry : shardOfTensor.entrySet()) {
      String shard = entry.getValue();
      if (shards.containsKey(shard)) {
        continue;
      }
      if (shards.size() == SHARDS_LIMIT) {
        throw new BadInputException(
            index, "it names more than " + SHARDS_LIMIT + " shards", "fetch the file again");
      }
      if (!Files.exists(folder.resolve(shard))) {
        throw new BadInputException(
            folder.resolve(shard),
            "this shard is missing (" + INDEX + " needs it for " + Shown.of(entry.getKey()) + ")",
            "fetch it into the folder");
      }
      SafetensorsFile file = SafetensorsFile.open(folder.resolve(shard));
      shards.put(shard, file);
      add(file);
    }
    shardOfTensor.forEach(
        (tensor, shard) -> {
          if (!shards.get(shard).tensors().containsKey(tensor)) {
            throw new BadInputException(
                SafetensorsFile.place(folder.resolve(shard), tensor),
                "the shard lacks this tensor, which " + INDEX + " places in it",
                "fetch the index and the shard again");
          }
        });
  }

  private void add(SafetensorsFile file) {
    files.add(file);
    for (SafetensorsFile.Tensor tensor : file.tensors().values()) {
      Located earlier = tensors.putIfAbsent(tensor.name(), new Located(file, tensor));
      if (earlier != null) {
        throw new BadInputException(
            SafetensorsFile.place(file.file(), tensor.name()),
            "the tensor is in " + earlier.file().file().getFileName() + " as well",
            "keep the shards of one checkpoint only");
      }
    }
  }

  private Map<String, String> weightMap(Path index) {
    byte[] bytes = InputFiles.readSmall(index, INDEX_LIMIT_BYTES);
    Map<String, String> shardOfTensor = new LinkedHashMap<>();
    try (JsonParser parser = StrictJson.parser(new ByteArrayInputStream(bytes))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new BadInputException(index, "it is not a JSON object", "fetch the file again");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        boolean wanted = parser.currentName().equals("weight_map");
        JsonToken value = parser.nextToken();
        if (wanted && value == JsonToken.START_OBJECT) {
          readWeightMap(index, parser, shardOfTensor);
        } else {
          parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) {
        throw new BadInputException(
            index, "something follows its JSON object", "fetch the file again");
      }
    } catch (JacksonException e) {
      throw StrictJson.refusal(index, "the JSON", e);
    }
    if (shardOfTensor.isEmpty()) {
      throw new BadInputException(
          index, "key weight_map is missing or empty", "fetch the file again");
    }
    return shardOfTensor;
  }

  private static void readWeightMap(Path index, JsonParser parser, Map<String, String> target) {
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String tensor = parser.currentName();
      String shard = parser.nextToken() == JsonToken.VALUE_STRING ? parser.getString() : "";
      if (!SHARD_NAME.matcher(shard).matches()) {
        throw new BadInputException(
            index,
            "weight_map places "
                + Shown.of(tensor)
                + " in \""
                + Shown.of(shard)
                + "\", which is not the plain name of a safetensors file",
            "fetch the file again");
      }
      target.put(tensor, shard);
    }
  }
}
