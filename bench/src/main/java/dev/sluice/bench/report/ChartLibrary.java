package dev.sluice.bench.report;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * Chart.js from its WebJar, to be inlined.
 *
 * @param script the UMD build, which begins with its notice
 * @param licence the whole licence text, which must travel with it
 */
record ChartLibrary(String script, String licence) {
  private static final String SOURCE_MAP = "\n//# sourceMappingURL=";

  static ChartLibrary load() {
    String folder = "/META-INF/resources/webjars/chart.js/" + version() + "/";
    String script = Template.text(folder + "dist/chart.umd.min.js");
    // A source map's address would make developer tools look for a file that is not there.
    int map = script.lastIndexOf(SOURCE_MAP);
    return new ChartLibrary(map < 0 ? script : script.substring(0, map),
        Template.text(folder + "LICENSE.md"));
  }

  private static String version() {
    Properties pom = new Properties();
    try {
      pom.load(new StringReader(
          Template.text("/META-INF/maven/org.webjars.npm/chart.js/pom.properties")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return pom.getProperty("version");
  }
}
