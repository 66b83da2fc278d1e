package dev.sluice.storage.store;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What of a model lies in one page of a store's file, in words that a message can end with. */
public sealed interface PagePlace {
  /** How many names or neurons a description lists before it only counts. */
  int LISTED = 8;

  /**
   * Bundles of a layer.
   *
   * @param firstPosition disk position of the first bundle of which bytes lie in the page
   * @param neurons of this and the following positions, as the model numbers them
   */
  record Bundles(int layer, int firstPosition, List<Integer> neurons) implements PagePlace {
    public Bundles {
      neurons = List.copyOf(neurons);
    }

    @Override
    public String description() {
      int last = firstPosition + neurons.size() - 1;
      return "layer " + layer
          + (neurons.size() == 1 ? ", bundle " + firstPosition + ", neuron "
              : ", bundles " + firstPosition + " to " + last + ", neurons ")
          + listed(neurons);
    }
  }

  /** Resident tensors. */
  record Tensors(List<String> names) implements PagePlace {
    public Tensors {
      names = List.copyOf(names);
    }

    @Override
    public String description() {
      return (names.size() == 1 ? "tensor " : "tensors ") + listed(names);
    }
  }

  /** Zeros that a layer's region ends with, or that fill a bundle's width: of no weight. */
  record Padding() implements PagePlace {
    @Override
    public String description() {
      return "padding";
    }
  }

  /** Pages of the container's own, which no run reads: LMDB's trees and headers. */
  record Container() implements PagePlace {
    @Override
    public String description() {
      return "LMDB's own, read by no run";
    }
  }

  /** Anything of a file whose pages nobody can tell apart. */
  record Somewhere() implements PagePlace {
    @Override
    public String description() {
      return "anywhere in the file";
    }
  }

  /** One clause, such as {@code layer 3, bundles 4 to 7, neurons 12, 5, 90, 61}. */
  String description();

  private static String listed(List<?> items) {
    String some = IntStream.range(0, Math.min(LISTED, items.size()))
        .mapToObj(i -> items.get(i).toString()).collect(Collectors.joining(", "));
    return items.size() > LISTED ? some + " and " + (items.size() - LISTED) + " more" : some;
  }
}
