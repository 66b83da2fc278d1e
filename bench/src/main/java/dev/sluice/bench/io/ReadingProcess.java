package dev.sluice.bench.io;

import dev.sluice.storage.block.Backend;
import dev.sluice.storage.block.BlockReader;
import dev.sluice.storage.block.BlockReaders;
import dev.sluice.storage.block.ReadBatch;
import dev.sluice.storage.posix.AnonymousMemory;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The reader's side of the race with {@code ring.c}, a process of its own with the same lines in and out: {@code FILE BACKEND
 * MEMORY}.
 */
public final class ReadingProcess {
  private ReadingProcess() {}

  /** See {@code ring.c}. */
  public static void main(String[] args) throws IOException {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    try (Arena arena = Arena.ofShared();
        BlockReader reader =
            BlockReaders.open(Path.of(args[0]), Backend.valueOf(args[1]))) {
      MemorySegment memory = AnonymousMemory.map(Long.parseLong(args[2]), arena);
      memory.fill((byte) 1);
      reader.prepare(memory);
      ReadBatch batch = new ReadBatch(memory);
      out.println("ready " + reader.describe());
      BufferedReader in =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String path = in.readLine(); path != null; path = in.readLine()) {
        ReadList list = ReadList.read(Path.of(path));
        out.println("loaded");
        if (in.readLine() == null) {
          return;
        }
        long check = 0;
        long began = System.nanoTime();
        for (ReadList.Batch requests : list.batches()) {
          check += requests.read(reader, batch);
        }
        long nanos = System.nanoTime() - began;
        out.println(nanos + " " + list.requests() + " " + list.bytes() + " "
            + Long.toUnsignedString(check));
      }
    } catch (RuntimeException e) {
      out.println("error " + e.getMessage());
      throw e;
    }
  }
}
