// What the comparison's page draws from the JSON that it carries.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const models = data.models;
  const names = models.map((model) => model.name);
  const { bars, curves } = Figures;

  const RULES = ['exact', 'output', 'gate'];
  const megabytes = (bytes) => bytes / 1e6;
  const percent = (share) => 100 * share;

  function widthName(index) {
    const size = models.map((model) => (model.widths[index].bundle_bytes_on_disk / 1e3).toFixed(1)).join(' and ');
    return (models[0].widths[index].padded ? 'padded' : 'own width') + ' (' + size + ' KB)';
  }

  function ladders() {
    const metrics = [
      ['FFN bytes read', 'MB per token', (run) => megabytes(run.figures.bytes_read_per_token)],
      ['I/O time', 'ms per token', (run) => run.figures.io_ms_per_token],
    ];
    for (const [name, unit, value] of metrics) {
      models[0].widths.forEach((_, w) => {
        const rows = models.map((model) => model.widths[w].ladder.map((run) => ({ name: run.name, value: value(run) })));
        bars('ladder', name + ', ' + widthName(w), unit, names, rows);
      });
    }
    models[0].widths.forEach((_, w) => {
      const rows = models.map((model) => {
        const width = model.widths[w];
        const runs = [{ ...width.ladder.at(-1), name: 'everything' }, ...width.leave_one_out];
        return runs.map((run) => ({ name: run.name, value: megabytes(run.figures.bytes_read_per_token) }));
      });
      bars('without', 'FFN bytes read, ' + widthName(w), 'MB per token', names, rows);
    });
  }

  function savings() {
    const found = data.saved.filter((saved) => saved.equality.includes('absolute loss'));
    if (found.length === 0) {
      return;
    }
    const shares = [...new Set(found.flatMap((saved) => saved.points.map((point) => percent(point.ram_share))))];
    const axes = (y) => ({
      x: 'slots and predictor, % of the FFN',
      xTicks: (palette) => ({
        beginAtZero: false,
        afterBuildTicks: (scale) => {
          scale.ticks = shares.map((value) => ({ value }));
        },
        ticks: { color: palette.quiet, autoSkip: false, maxRotation: 0, callback: (value) => +value.toFixed(1) },
      }),
      y,
    });
    const name = (saved) => (saved.padded ? 'padded' : 'own width');
    const points = (saved, value) => saved.points.map((p) => ({ x: percent(p.ram_share), y: value(p) }));
    curves('saved', models[0].name + ' against ' + models[1].name + ': FFN bytes saved', { wide: true, low: true },
      { ...axes('% of bytes saved'), yRange: { suggestedMax: 100 } },
      found.map((saved) => ({
        label: 'bundles ' + (saved.padded ? 'padded' : 'at their own width'),
        colour: 0,
        dashed: saved.padded,
        points: points(saved, (p) => percent(p.saved_share)),
      })));
    const sides = (value) => found.flatMap((saved) => ['first', 'second'].map((side, m) => ({
      label: models[m].name + ', ' + name(saved),
      colour: m,
      dashed: saved.padded,
      points: points(saved, (p) => value(p[side])),
    })));
    curves('saved', 'Requests per token', { low: true }, axes('requests per token'), sides((side) => side.requests_per_token));
    curves('saved', 'I/O time per token', { low: true }, axes('ms per token'), sides((side) => side.io_ms_per_token));
  }

  function activity() {
    for (const model of models) {
      const seen = new Map();
      for (const quality of model.rules) {
        const label = quality.rule === 'exact' ? 'exact (h ≠ 0)' : quality.rule + ' rule, CETT ' + quality.cett;
        if (!seen.has(label)) {
          seen.set(label, quality);
        }
      }
      const series = [...seen].map(([label, quality]) => ({
        label,
        colour: 2 + RULES.indexOf(quality.rule),
        points: quality.active_share_by_layer.map((share, layer) => ({ x: layer, y: percent(share) })),
      }));
      curves('active', model.name + ': active neurons', { low: true }, {
        x: 'layer',
        xTicks: (palette) => ({ ticks: { color: palette.quiet, precision: 0 } }),
        y: '% of neurons',
        yRange: { min: 0, max: 100 },
      }, series);
    }
  }

  ladders();
  savings();
  activity();
  Figures.show();
})();
