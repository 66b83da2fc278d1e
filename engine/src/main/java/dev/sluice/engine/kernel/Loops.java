package dev.sluice.engine.kernel;

import dev.sluice.storage.tensor.TensorType;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.EnumMap;
import java.util.Map;

/**
 * One loop for each tensor type, found by name. The compiler cannot see through a method handle that is no constant, so
 * each loop is compiled on its own: behind a switch, C2 merges the loops of all types that a process has met into their
 * caller, runs out of its inlining budget, and from then on allocates a box for every vector (measured: a tenth of the
 * speed, in any process that has used three types). A call costs a few nanoseconds.
 */
final class Loops {
  private final MethodHandles.Lookup lookup;
  private final MethodType shape;
  private final Map<TensorType, MethodHandle> loops = new EnumMap<>(TensorType.class);

  /** Loops of one shape; they return nothing. */
  Loops(MethodHandles.Lookup lookup, Class<?>... parameters) {
    this.lookup = lookup;
    this.shape = MethodType.methodType(void.class, parameters);
  }

  /** The static method of the lookup's class that does it for this type. */
  Loops with(TensorType type, String method) {
    try {
      loops.put(type, lookup.findStatic(lookup.lookupClass(), method, shape));
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(method, e);
    }
    return this;
  }

  boolean have(TensorType type) {
    return loops.containsKey(type);
  }

  MethodHandle of(TensorType type) {
    return loops.get(type);
  }

  /** What a loop threw, to be thrown on; loops declare nothing checked. */
  static RuntimeException thrown(Throwable e) {
    switch (e) {
      case RuntimeException unchecked -> throw unchecked;
      case Error error -> throw error;
      default -> throw new AssertionError(e);
    }
  }
}
