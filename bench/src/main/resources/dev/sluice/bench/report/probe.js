// What the page of a probe draws from the JSON that it carries.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const { curves } = Figures;
  const sizes = [...new Set(data.cells.map((cell) => cell.request_bytes))].sort((a, b) => a - b);
  const place = (bytes) => Math.log2(bytes / sizes[0]);
  const first = data.cells[0].backend;
  const deepest = Math.max(...data.cells.filter((cell) => cell.backend === first).map((cell) => cell.in_flight));

  /** Sizes stand side by side by their logarithm. */
  const axes = (y) => ({
    x: 'request, KiB',
    xTicks: (palette) => ({
      beginAtZero: false,
      afterBuildTicks: (scale) => {
        scale.ticks = sizes.map((size) => ({ value: place(size) }));
      },
      ticks: { color: palette.quiet, autoSkip: false, maxRotation: 0, callback: (at) => (sizes[0] * 2 ** at) / 1024 },
    }),
    y,
  });

  function series(label, colour, dashed, cells, of) {
    return { label, colour, dashed, points: cells.map((cell) => ({ x: place(cell.request_bytes), y: of(cell) })) };
  }

  const speed = (cell) => cell.mb_per_s;
  const modelled = (bytes) => data.fit.request_micros + (bytes / data.fit.bytes_per_second) * 1e6;

  for (const [pattern, title] of [['RANDOM', 'Random reads'], ['SEQUENTIAL', 'Sequential reads']]) {
    const own = data.cells.filter((cell) => cell.pattern === pattern && cell.backend === first);
    const depths = [...new Set(own.map((cell) => cell.in_flight))].sort((a, b) => a - b);
    curves('speeds', title + ' with ' + first, {}, axes('MB/s'), depths.map((depth, i) =>
      series(depth + ' in flight', i, false, own.filter((cell) => cell.in_flight === depth), speed)));
  }

  const random = data.cells.filter((cell) => cell.pattern === 'RANDOM');
  const backends = [...new Set(random.map((cell) => cell.backend))];
  curves('speeds', 'Random reads by backend', {}, axes('MB/s'), backends.map((backend, i) => {
    const depth = Math.max(...random.filter((cell) => cell.backend === backend).map((cell) => cell.in_flight));
    return series(backend + ', ' + depth + ' in flight', i, false,
      random.filter((cell) => cell.backend === backend && cell.in_flight === depth), speed);
  }));

  const fitted = random.filter((cell) => cell.backend === first && cell.in_flight === deepest);
  curves('speeds', 'Time of a random request, ' + deepest + ' in flight', {}, axes('µs'), [
    series('measured', 0, false, fitted, (cell) => cell.request_micros),
    series('the model: ' + data.fit.request_micros.toFixed(1) + ' µs and ' + Math.round(data.fit.bytes_per_second / 1e6) + ' MB/s',
      1, true, fitted, (cell) => modelled(cell.request_bytes)),
  ]);
  Figures.show();
})();
