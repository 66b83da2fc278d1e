package dev.sluice.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sluice.bench.peers.Child.Outcome;
import dev.sluice.bench.peers.MemoryController.Version;
import dev.sluice.bench.peers.Rival.Job;
import dev.sluice.bench.peers.Rival.Limit;
import dev.sluice.storage.FaultException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stand-in for an engine: a shell script that works for a while and prints what an engine prints. */
class ChildTest {
  @TempDir
  private Path folder;

  private MemoryGroup group;

  @BeforeEach
  void makeGroup() {
    group = MemoryGroup.create(new MemoryController(Version.V1, folder), "run",
        OptionalLong.empty());
  }

  @Test
  void runsInTheGroupAndIsWatched() throws IOException {
    SluiceRival rival = rival(
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done\n"
            + "echo \"$@\" >&2\n"
            + "echo '{\"prompt_ms\": 0, \"token_ms\": [1, 2]}'\n"
            + "cp /proc/$$/status \"$(dirname \"$0\")/status\"; echo $$ > \"$(dirname \"$0\")/pid\"\n");
    Outcome outcome = Child.run("sluice", rival.command(job()), group, Processors.first(1));
    assertEquals(2, Transcript.parse("sluice", outcome.output()).tokenMillis().size());
    assertTrue(outcome.answerNanos() > outcome.startNanos());
    assertTrue(
        outcome.watch().between(outcome.startNanos(), outcome.answerNanos()).cpuSeconds() > 0);
    assertEquals(Files.readString(folder.resolve("pid")), Files.readString(group.processes()));
    assertTrue(Files.readString(folder.resolve("status"))
        .contains("Cpus_allowed_list:\t" + Processors.first(1) + "\n"));
  }

  @Test
  void sluiceIsAskedForGivenTokensWithinTheLimit() throws IOException {
    String command = String.join(" ", rival("exit 0\n").command(job()));
    assertTrue(command.contains(" run -m "), command);
    assertTrue(command.contains(" --prompt-ids 1,2 --force-ids 3,4,5 -n 3 -t 2 --ram 4096 "),
        command);
    assertTrue(command.endsWith(" --json --window 0"), command);
  }

  @Test
  void aFailureQuotesItsLastWords() throws IOException {
    SluiceRival rival = rival("echo 'sluice: store: is no store; make one' >&2; exit 2\n");
    FaultException fault = assertThrows(FaultException.class,
        () -> Child.run("Sluice", rival.command(job()), group, Processors.first(1)));
    assertTrue(fault.getMessage().startsWith("Sluice: failed with exit code 2 (sluice: store: "),
        fault::getMessage);
    assertFalse(fault.getMessage().contains("\n"));
  }

  @Test
  void lackOfMemoryIsCalledThat() throws IOException {
    SluiceRival rival = rival("exit 137\n");
    Files.writeString(folder.resolve("run/memory.oom_control"), "oom_kill 1\n");
    FaultException fault = assertThrows(FaultException.class,
        () -> Child.run("Sluice", rival.command(job()), group, Processors.first(1)));
    assertTrue(fault.getMessage().contains("more memory than its limit"), fault::getMessage);
  }

  private static Job job() {
    return new Job(new TokenLists(List.of(1, 2), List.of(3, 4, 5)), 4096, 2, Path.of("unused"));
  }

  private SluiceRival rival(String script) throws IOException {
    Path file = folder.resolve("engine");
    Files.writeString(file, "#!/bin/sh\n" + script);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    return new SluiceRival("Sluice", "Sluice", "", file, folder, Limit.GIVEN,
        List.of("--window", "0"));
  }
}
