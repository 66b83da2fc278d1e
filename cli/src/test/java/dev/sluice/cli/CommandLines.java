package dev.sluice.cli;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Many command lines, one after another in a JVM of their own, for those that might end it. Should it end, the results so
 * far are there and tell which one it was.
 */
final class CommandLines {
  private CommandLines() {}

  /**
   * What they led to, as many as were reached.
   *
   * @param scratch a folder for files between the two JVMs
   * @return one result for each line that came to its end
   */
  static List<CommandRun> run(Path scratch, List<List<String>> lines) throws IOException {
    Path asked = Files.createTempFile(scratch, "asked", ".bin");
    Path answered = Files.createTempFile(scratch, "answered", ".bin");
    try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(asked))) {
      out.writeInt(lines.size());
      for (List<String> line : lines) {
        out.writeInt(line.size());
        for (String argument : line) {
          out.writeUTF(argument);
        }
      }
    }
    CommandRun jvm =
        CommandRun.inChild(scratch, CommandLines.class, asked.toString(), answered.toString());
    List<CommandRun> runs = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(Files.newInputStream(answered))) {
      while (in.available() > 0) {
        runs.add(new CommandRun(in.readInt(), in.readUTF(), in.readUTF()));
      }
    }
    if (runs.size() < lines.size() || jvm.exit() != 0 || !jvm.err().isEmpty()) {
      throw new AssertionError("the JVM ended after " + runs.size() + " of " + lines.size()
          + " lines, at " + (runs.size() < lines.size() ? lines.get(runs.size()) : "its end")
          + ": " + jvm);
    }
    return runs;
  }

  public static void main(String[] args) throws IOException {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(Path.of(args[0])));
        DataOutputStream out = new DataOutputStream(Files.newOutputStream(Path.of(args[1])))) {
      for (int left = in.readInt(); left > 0; left--) {
        String[] line = new String[in.readInt()];
        for (int k = 0; k < line.length; k++) {
          line[k] = in.readUTF();
        }
        CommandRun run = CommandRun.inProcess(line);
        out.writeInt(run.exit());
        out.writeUTF(run.out());
        out.writeUTF(run.err());
        out.flush();
      }
    }
  }
}
