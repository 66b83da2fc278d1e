// What the page of peer runs draws from the JSON that it carries.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const { bars, curves } = Figures;
  const limited = data.points.filter((point) => point.limit_bytes > 0);
  const free = data.points.filter((point) => point.limit_bytes === 0);
  const families = [...new Set(data.points.flatMap((point) => point.results.map((result) => result.family)))];
  const colour = (family) => families.indexOf(family) % 5;

  /** A figure of one family at one limit, null where it has none. */
  function value(point, family, of) {
    const figures = point.results.find((result) => result.family === family)?.figures;
    const found = figures ? of(figures) : null;
    return Number.isFinite(found) ? found : null;
  }

  const metrics = [
    ['Tokens per second', 'tokens/s', (figures) => figures.tokens_per_second.median],
    ['Read from devices', 'MB/token', (figures) => figures.megabytes_per_token.median],
    ['Processor time', 'CPU s/token', (figures) => figures.cpu_seconds_per_token.median],
    ['Time to first token', 'ms', (figures) => figures.time_to_first_token_ms.median],
  ];

  for (const [name, unit, of] of metrics) {
    const rows = families.map((family) => data.points.map((point) => ({ name: point.ram, value: value(point, family, of) })));
    bars('speed', name, unit, families, rows);
  }

  if (limited.length > 1) {
    document.getElementById('shares').parentElement.hidden = false;
    const percent = (point) => 100 * point.ram_share;
    const shares = limited.map(percent).sort((a, b) => a - b);
    const [name, unit, of] = metrics[0];
    const measured = families.map((family) => ({
      label: family,
      colour: colour(family),
      dashed: false,
      points: limited.map((point) => ({ x: percent(point), y: value(point, family, of) }))
        .filter((point) => point.y !== null).sort((a, b) => a.x - b.x),
    }));
    const references = families.flatMap((family) => free.map((point) => ({
      label: family + ', ' + point.ram,
      colour: colour(family),
      dashed: true,
      points: shares.map((x) => ({ x, y: value(point, family, of) })).filter((each) => each.y !== null),
    })));
    curves('shares', name, { wide: true }, {
      x: 'RAM, % of the GGUF',
      xTicks: (palette) => ({
        beginAtZero: false,
        afterBuildTicks: (scale) => {
          scale.ticks = shares.map((each) => ({ value: each }));
        },
        ticks: { color: palette.quiet, autoSkip: false, maxRotation: 0, callback: (each) => +each.toFixed(1) },
      }),
      y: unit,
    }, [...measured, ...references].filter((series) => series.points.length > 0));
  }
  Figures.show();
})();
