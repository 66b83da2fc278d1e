package dev.sluice.bench.peers;

import dev.sluice.storage.BadInputException;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * llama.cpp as its npm package brings it, built for the processor's kinds of vectors and chosen among them at start-up.
 *
 * @param folder of {@code node-llama-cpp}, absolute
 */
public record LlamaPackage(Path folder) {
  private static final String VERSION = "3.22.1";
  private static final String PACKAGE = "node-llama-cpp";
  private static final String BINARIES = "@node-llama-cpp/linux-x64";
  private static final String BUILDS = "bins/linux-x64";
  private static final String COPYING_BUILD = "libggml-cpu-sapphirerapids.*\\.so";
  private static final long NODE_START_SECONDS = 20;

  /** What to type to install it into {@code folder}. */
  public static String howToInstall(Path folder) {
    return "npm i --prefix " + folder + " " + String.join(" ", arguments());
  }

  private static List<String> arguments() {
    return List.of("--omit=optional", "--ignore-scripts", PACKAGE + "@" + VERSION,
        BINARIES + "@" + VERSION);
  }

  /**
   * @param folder holds {@code node_modules}, or is it
   * @throws BadInputException if node or the package is not there, with the command that installs it
   */
  public static LlamaPackage find(Path folder) {
    requireNode();
    Path absolute = folder.toAbsolutePath().normalize();
    for (Path modules : List.of(absolute.resolve("node_modules"), absolute)) {
      Path found = modules.resolve(PACKAGE);
      if (Files.isRegularFile(found.resolve("package.json"))
          && Files.isDirectory(modules.resolve(BINARIES))) {
        return new LlamaPackage(found);
      }
    }
    throw new BadInputException(folder, "llama.cpp's npm package is not installed there",
        "run: " + howToInstall(folder) + " (or add --install)");
  }

  /** Installs it with npm, which fetches it from the registry that npm is configured for. */
  public static LlamaPackage install(Path folder) {
    requireNode();
    List<String> command =
        new ArrayList<>(List.of("npm", "i", "--no-audit", "--no-fund", "--prefix",
            folder.toAbsolutePath().toString()));
    command.addAll(arguments());
    try {
      Files.createDirectories(folder);
      Process npm = new ProcessBuilder(command).redirectErrorStream(true).start();
      npm.getOutputStream().close();
      String output = new String(npm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (npm.waitFor() != 0) {
        throw new FaultException(folder,
            "npm failed (" + output.strip().replaceAll("\\s+", " ") + ")", "run it by hand: "
                + howToInstall(folder));
      }
    } catch (IOException e) {
      throw new FaultException(folder, "npm cannot install (" + FaultException.reason(e) + ")",
          "install npm, or name a folder that can be written to", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException(folder, "npm was interrupted", "start again", e);
    }
    return find(folder);
  }

  private static void requireNode() {
    try {
      Process node = new ProcessBuilder("node", "--version").redirectOutput(Redirect.DISCARD)
          .redirectError(Redirect.DISCARD).start();
      if (!node.waitFor(NODE_START_SECONDS, TimeUnit.SECONDS) || node.exitValue() != 0) {
        node.destroyForcibly();
        throw new BadInputException("node", "it does not start", "install Node.js 20 or newer");
      }
    } catch (IOException e) {
      throw new BadInputException("node", "it is not installed", "install Node.js 20 or newer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new FaultException("node", "its start was interrupted", "start again", e);
    }
  }

  /**
   * The same without the build whose kernels (AMX) want weights in tiles: of a mapped file it keeps a second copy, all of it in
   * memory of the process's own, so beyond RAM llama.cpp is ended by the kernel. Its own programs have --no-repack for that, the
   * package has no such setting. The package itself where that build would not be chosen.
   *
   * @param work where such a package is kept, as links to the files of this one
   */
  LlamaPackage forMapping(Path work) {
    return Processors.have("amx_tile") ? without(COPYING_BUILD, work) : this;
  }

  /**
   * @param build what the names of the files match that are left out
   * @throws FaultException if there are none, or if nothing can be written
   */
  LlamaPackage without(String build, Path work) {
    Path kept = work.toAbsolutePath().resolve("llama-" + version() + "-for-mapping");
    LlamaPackage other = new LlamaPackage(kept.resolve("node_modules").resolve(PACKAGE));
    if (Files.isDirectory(kept)) {
      return other;
    }
    try {
      Files.createDirectories(kept.getParent());
      Path begun = Files.createTempDirectory(kept.getParent(), "llama-");
      try {
        if (!link(folder.getParent(), begun.resolve("node_modules"), build)) {
          throw new FaultException(folder.resolveSibling(BINARIES),
              "no file matches " + build + ", so llama.cpp would copy all weights",
              "install " + BINARIES + "@" + VERSION);
        }
        if (!Files.isDirectory(kept)) { // another process may have been quicker
          Files.move(begun, kept, StandardCopyOption.ATOMIC_MOVE);
        }
      } finally {
        delete(begun);
      }
    } catch (IOException | UncheckedIOException e) {
      IOException cause = e instanceof UncheckedIOException unchecked ? unchecked.getCause()
          : (IOException) e;
      throw new FaultException(kept,
          "llama.cpp's package cannot be linked to (" + FaultException.reason(cause) + ")",
          "name a --work folder that can be written to", e);
    }
    return other;
  }

  /** What is left of a folder, if anything is. */
  private static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private String version() {
    Path about = folder.resolve("package.json");
    try {
      return JsonMapper.builder().build().readTree(Files.readString(about)).path("version")
          .asString("unknown").replaceAll("[^0-9A-Za-z.-]", "-");
    } catch (IOException | JacksonException e) {
      throw new FaultException(about, "it cannot be read", "install the package again", e);
    }
  }

  /** Returns whether a file was left out. */
  private static boolean link(Path from, Path to, String build) throws IOException {
    boolean isOneLeftOut = false;
    try (Stream<Path> files = Files.walk(from, FileVisitOption.FOLLOW_LINKS)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path relative = from.relativize(file);
        Path link = to.resolve(relative.toString());
        if (relative.startsWith(".bin")) {
          continue; // links to scripts, which look for their neighbours
        }
        if (Files.isDirectory(file)) {
          Files.createDirectories(link);
        } else if (file.getFileName().toString().matches(build)) {
          isOneLeftOut = true;
        } else {
          link(file.toRealPath(), link);
        }
      }
    }
    return isOneLeftOut;
  }

  private static void link(Path file, Path link) throws IOException {
    try {
      Files.createLink(link, file);
    } catch (IOException | UnsupportedOperationException e) { // another file system
      Files.copy(file, link);
    }
  }

  /** llama.cpp's shared library. */
  Path library() {
    Path binaries = folder.resolveSibling(BINARIES).resolve(BUILDS);
    try (var files = Files.list(binaries)) {
      return files
          .filter(file -> file.getFileName().toString().matches("libllama(\\.v[0-9.]+)?\\.so"))
          .findFirst()
          .orElseThrow(() -> new FaultException(binaries, "libllama is not among its files",
              "install " + BINARIES + "@" + VERSION));
    } catch (IOException e) {
      throw new FaultException(binaries, "cannot be listed (" + FaultException.reason(e) + ")",
          "install it again", e);
    }
  }

  /** The script that runs llama.cpp over given tokens. */
  static String driver() {
    try (InputStream in = LlamaPackage.class.getResourceAsStream("llama.mjs")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new FaultException("llama.mjs", "cannot be read from the class path", "build again", e);
    }
  }
}
