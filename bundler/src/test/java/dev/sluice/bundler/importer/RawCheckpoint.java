package dev.sluice.bundler.importer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A second, trusting reader of one safetensors file, so that tests do not compare the product with
 * itself.
 */
final class RawCheckpoint {
  private final byte[] file;
  private final int dataStart;
  private final JsonNode header;

  RawCheckpoint(Path folder) throws IOException {
    file = Files.readAllBytes(folder.resolve("model.safetensors"));
    int headerBytes = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    dataStart = 8 + headerBytes;
    header = new JsonMapper().readTree(Arrays.copyOfRange(file, 8, dataStart));
  }

  int tensors() {
    return header.size() - (header.has("__metadata__") ? 1 : 0);
  }

  String dtype(String name) {
    return header.get(name).get("dtype").stringValue();
  }

  byte[] bytes(String name) {
    JsonNode offsets = header.get(name).get("data_offsets");
    return Arrays.copyOfRange(
        file, dataStart + offsets.get(0).intValue(), dataStart + offsets.get(1).intValue());
  }

  boolean has(String name) {
    return header.has(name);
  }

  /** [gate row,] up row, down column of one neuron, element by element. */
  byte[] bundle(int layer, int neuron, int hidden, int feedForward, int elementBytes) {
    ByteBuffer bundle = ByteBuffer.allocate(3 * hidden * elementBytes);
    String mlp = "model.layers." + layer + ".mlp.";
    for (String rows : new String[] {"gate_proj.weight", "up_proj.weight"}) {
      if (has(mlp + rows)) {
        bundle.put(bytes(mlp + rows), neuron * hidden * elementBytes, hidden * elementBytes);
      }
    }
    byte[] down = bytes(mlp + "down_proj.weight");
    for (int row = 0; row < hidden; row++) {
      bundle.put(down, (row * feedForward + neuron) * elementBytes, elementBytes);
    }
    return Arrays.copyOf(bundle.array(), bundle.position());
  }
}
