package dev.sluice.engine.kernel;

/**
 * Decides once per process which kernels run. Apart from {@link Kernels}, so that asking for scalar
 * ones loads no vectors.
 */
final class KernelChoice {
  static final Kernels SCALAR = new ScalarKernels();
  static final Kernels BEST = choose();

  private KernelChoice() {}

  private static Kernels choose() {
    System.Logger log = System.getLogger(KernelChoice.class.getName());
    String cause;
    try {
      if (VectorKernels.machineIsWideEnough()) {
        log.log(System.Logger.Level.DEBUG, "kernels: vector-256");
        return new VectorKernels();
      }
      cause = "this machine's float vectors are narrower than 256 bits";
    } catch (LinkageError e) { // module jdk.incubator.vector absent or changed
      cause = e.toString();
    }
    log.log(System.Logger.Level.WARNING, "kernels: scalar, several times slower (" + cause + ")");
    return SCALAR;
  }
}
