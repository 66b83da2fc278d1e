package dev.sluice.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The directions between modules and packages, and the naming rules that javac cannot check. */
final class ArchitectureTest {
  private static final List<String> MODULES =
      List.of("storage", "bundler", "engine", "bench", "cli");
  private static final Set<String> EMPTY_NAMES =
      Set.of("util", "utils", "common", "helper", "helpers", "impl");

  private static JavaClasses product;

  @BeforeAll
  static void importClasses() {
    product = new ClassFileImporter()
        .withImportOption(new ImportOption.DoNotIncludeTests())
        .withImportOption(location -> !location.contains("/jmh_generated/"))
        .importPackages("dev.sluice");
    for (String module : List.of("storage", "cli")) {
      assertTrue(
          product.stream().anyMatch(c -> c.getPackageName().startsWith("dev.sluice." + module)),
          "no classes of " + module + " on the class path");
    }
  }

  @Test
  void storageDependsOnNoOtherModule() {
    check(onlyDependsOn("storage"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bundler", "engine"})
  void bundlerAndEngineMeetOnlyInFiles(String module) {
    check(onlyDependsOn(module, "storage"));
  }

  @Test
  void benchDoesNotDependOnTheCommandLine() {
    check(onlyDependsOn("bench", "storage", "bundler", "engine"));
  }

  @Test
  void packagesHaveNoCycles() {
    check(slices().matching("dev.sluice.(**)").should().beFreeOfCycles());
  }

  @Test
  void onlyTheCommandLinePrints() {
    check(noClasses().that().resideOutsideOfPackage("dev.sluice.cli..")
        .should(ACCESS_STANDARD_STREAMS));
  }

  @Test
  void randomnessIsSeeded() {
    check(
        noClasses().should().callConstructor(Random.class)
            .orShould().callConstructor(SplittableRandom.class)
            .orShould().callMethod(ThreadLocalRandom.class, "current")
            .orShould().callMethod(Math.class, "random"));
  }

  @Test
  void packagesAreNamedAfterWhatTheyHold() {
    check(
        noClasses().should().resideInAnyPackage(
            EMPTY_NAMES.stream().map(name -> ".." + name + "..").toArray(String[]::new)));
  }

  @Test
  void classesAreNamedAfterWhatTheyDo() {
    check(noClasses().should().haveNameMatching(".*(Manager|Helper|Utils?|Impl)"));
  }

  @Test
  void everyPackageSaysWhatItHolds() throws IOException {
    Path root = Path.of(System.getProperty("sluice.root"));
    Set<Path> silent = new TreeSet<>();
    int packages = 0;
    for (String module : MODULES) {
      Path sources = root.resolve(module).resolve("src/main/java");
      if (!Files.isDirectory(sources)) {
        continue;
      }
      try (Stream<Path> files = Files.walk(sources)) {
        for (Path folder : files.filter(f -> f.toString().endsWith(".java")).map(Path::getParent)
            .distinct().toList()) {
          packages++;
          if (!Files.exists(folder.resolve("package-info.java"))) {
            silent.add(root.relativize(folder));
          }
        }
      }
    }
    assertTrue(packages > 0, "no sources under " + root);
    assertEquals(Set.of(), silent, "packages without package-info.java");
  }

  private static ArchRule onlyDependsOn(String module, String... others) {
    String[] allowed = Stream.concat(Stream.of(module), Stream.of(others))
        .map(name -> "dev.sluice." + name + "..")
        .toArray(String[]::new);
    DescribedPredicate<JavaClass> foreign = DescribedPredicate
        .not(JavaClass.Predicates.resideOutsideOfPackage("dev.sluice.."))
        .and(JavaClass.Predicates.resideOutsideOfPackages(allowed));
    return noClasses().that().resideInAPackage("dev.sluice." + module + "..").should()
        .dependOnClassesThat(foreign);
  }

  private static void check(ArchRule rule) {
    rule.allowEmptyShould(true).check(product);
  }
}
