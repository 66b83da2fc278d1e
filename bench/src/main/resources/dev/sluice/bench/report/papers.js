// What the page of the papers' experiments draws: lines over rows of the tables that its JSON holds.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const MOST_MARKS = 8;
  const label = (row, keys) => keys.map((key) => row[key]).join(', ');

  function draw(experiment, chart) {
    const table = experiment.tables.find((each) => each.key === chart.table);
    const heading = (key) => table.columns.find((column) => column.key === key).heading;
    const at = (row) => (chart.logarithmic ? Math.log10(row[chart.x]) : row[chart.x]);
    const meant = table.rows.filter((row) => Object.entries(chart.where).every(([key, text]) => row[key] === text));
    const rows = meant.filter((row) => row[chart.x] !== null && row[chart.y] !== null && Number.isFinite(at(row)));
    const first = [...new Set(meant.map((row) => row[chart.series[0]]))];
    const names = [...new Set(rows.map((row) => label(row, chart.series)))];
    const series = names.map((name) => {
      const own = rows.filter((row) => label(row, chart.series) === name);
      const index = first.indexOf(own[0][chart.series[0]]);
      return {
        label: name,
        colour: index % 5,
        dashed: index >= 5 || (chart.dashed !== '' && chart.series.some((key) => own[0][key] === chart.dashed)),
        points: own.map((row) => ({ x: at(row), y: row[chart.y] })).sort((a, b) => a.x - b.x),
      };
    });
    const places = [...new Set(series.flatMap((one) => one.points.map((point) => point.x)))].sort((a, b) => a - b);
    Figures.curves(experiment.key, chart.title, {}, {
      x: heading(chart.x),
      xTicks: (palette) => ({
        beginAtZero: false,
        // Few measured places are better marks than powers of a tenth.
        ...(chart.logarithmic && places.length <= MOST_MARKS ? { afterBuildTicks: (scale) => {
          scale.ticks = places.map((value) => ({ value }));
        } } : {}),
        ticks: {
          color: palette.quiet,
          callback: (each) => (chart.logarithmic ? +(10 ** each).toPrecision(2) : +each.toFixed(3)).toLocaleString('en-GB'),
        },
      }),
      y: heading(chart.y),
      yRange: { beginAtZero: false },
    }, series);
  }

  for (const experiment of data.experiments) {
    experiment.charts.forEach((chart) => draw(experiment, chart));
  }
  Figures.show();
})();
