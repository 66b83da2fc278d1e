package dev.sluice.bench.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.util.Locale;

/** What is measured: rows or columns of a type, with activations as floats or as bytes. */
public enum Product {
  F16(TensorType.F16, "rows"),
  BF16(TensorType.BF16, "rows"),
  Q8_0(TensorType.Q8_0, "rows"),
  Q4_0(TensorType.Q4_0, "rows"),
  Q4_1(TensorType.Q4_1, "rows"),
  Q8_0_INT8(TensorType.Q8_0, "int8"),
  Q4_0_INT8(TensorType.Q4_0, "int8"),
  Q4_1_INT8(TensorType.Q4_1, "int8"),
  F16_COLUMNS(TensorType.F16, "columns"),
  I8_COLUMNS(TensorType.I8, "columns");

  final TensorType type;
  private final String form;

  Product(TensorType type, String form) {
    this.type = type;
    this.form = form;
  }

  boolean isColumns() {
    return form.equals("columns");
  }

  boolean isInt8() {
    return form.equals("int8");
  }

  /** The C function that does the same. */
  String function() {
    return form + "_" + type.name().toLowerCase(Locale.ROOT);
  }

  /** For people. */
  String title() {
    String name = type.name().toLowerCase(Locale.ROOT);
    return isColumns() ? name + " columns" : isInt8() ? name + " x int8" : name;
  }
}
