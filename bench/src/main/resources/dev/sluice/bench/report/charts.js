// Draws the charts from the JSON in the page. Colours come from the style sheet and are read anew for every drawing, so
// that the charts follow a change of scheme and are light on paper.
(() => {
  'use strict';

  const data = JSON.parse(document.getElementById('data').textContent);
  const models = data.models;
  const figures = [];
  const NARROW_PIXELS = 460;
  const PAPER = 'paper';

  const RULES = ['exact', 'output', 'gate'];
  const megabytes = (bytes) => bytes / 1e6;
  const percent = (share) => 100 * share;

  /** Three significant digits, as in the tables. */
  function digits(value) {
    const size = Math.abs(value);
    if (size >= 99.95) {
      return Math.round(value).toLocaleString('en-GB');
    }
    return value === 0 ? '0' : value.toFixed(size >= 9.995 ? 1 : 2);
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue('--' + name).trim();
    return {
      page: of('page'),
      ink: of('ink'),
      quiet: of('quiet'),
      line: of('line'),
      series: [of('first'), of('second'), of('exact'), of('output'), of('gate')],
    };
  }

  /** Adds a figure to a section; `config` is called for each drawing with colours and with the width it has. */
  function figure(section, title, shape, config) {
    const element = document.createElement('figure');
    element.className = shape.wide ? 'wide' : '';
    const caption = document.createElement('figcaption');
    caption.textContent = title;
    const box = document.createElement('div');
    box.className = shape.low ? 'canvas low' : 'canvas';
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', title + '. The tables on this page hold the same figures.');
    box.append(canvas);
    element.append(caption, box);
    document.getElementById(section).append(element);
    figures.push({ canvas, box, config, chart: null });
  }

  const onPaper = () => document.documentElement.classList.contains(PAPER);

  function draw() {
    const palette = colours();
    Chart.defaults.font.size = onPaper() ? 10.5 : 12;
    for (const each of figures) {
      each.chart?.destroy();
      each.chart = new Chart(each.canvas, each.config(palette, each.box.clientWidth));
    }
  }

  /** A label in lines of about `length` characters. */
  function lines(text, length) {
    const result = [''];
    for (const word of text.split(' ')) {
      const last = result[result.length - 1];
      if (last && (last + ' ' + word).length > length) {
        result.push(word);
      } else {
        result[result.length - 1] = last ? last + ' ' + word : word;
      }
    }
    return result;
  }

  /** Writes each bar's figure at its end. */
  const barFigures = {
    id: 'barFigures',
    afterDatasetsDraw(chart) {
      const { ctx } = chart;
      ctx.save();
      ctx.font = (Chart.defaults.font.size - 1) + 'px ' + Chart.defaults.font.family;
      ctx.fillStyle = chart.options.color;
      ctx.textBaseline = 'middle';
      chart.data.datasets.forEach((set, s) => {
        if (chart.isDatasetVisible(s)) {
          chart.getDatasetMeta(s).data.forEach((bar, i) => {
            if (Number.isFinite(set.data[i])) {
              ctx.fillText(digits(set.data[i]), bar.x + 5, bar.y + 1);
            }
          });
        }
      });
      ctx.restore();
    },
  };

  function common(palette) {
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      devicePixelRatio: Math.max(onPaper() ? 4 : 2, devicePixelRatio),
      color: palette.ink,
      plugins: {
        legend: {
          position: 'bottom',
          labels: { color: palette.ink, usePointStyle: true, boxWidth: 26, boxHeight: 8, padding: 14 },
        },
        tooltip: {
          usePointStyle: true,
          callbacks: { label: (item) => item.dataset.label + ': ' + digits(item.parsed[item.chart.options.indexAxis === 'y' ? 'x' : 'y']) },
        },
      },
    };
  }

  function axis(palette, title) {
    return {
      title: { display: title !== '', text: title, color: palette.quiet },
      ticks: { color: palette.quiet, callback: (value) => value.toLocaleString('en-GB') },
      grid: { color: palette.line },
      border: { color: palette.line },
      beginAtZero: true,
    };
  }

  /** Horizontal bars, one group a name, one bar a model. */
  function bars(section, title, unit, rows) {
    const names = rows[0].map((row) => row.name);
    figure(section, title, {}, (palette, width) => ({
      type: 'bar',
      plugins: [barFigures],
      data: {
        labels: names.map((name) => lines(name, width < NARROW_PIXELS ? 16 : 28)),
        datasets: rows.map((own, m) => ({
          label: models[m].name,
          data: names.map((name) => own.find((row) => row.name === name)?.value ?? null),
          backgroundColor: palette.series[m],
          pointStyle: 'rect',
          maxBarThickness: 16,
          categoryPercentage: 0.78,
          barPercentage: 0.92,
        })),
      },
      options: {
        ...common(palette),
        indexAxis: 'y',
        layout: { padding: { right: 34 } },
        scales: {
          x: axis(palette, unit),
          y: { ticks: { color: palette.ink, autoSkip: false }, grid: { display: false }, border: { color: palette.line } },
        },
      },
    }));
  }

  /** Lines over numbers on the x axis; `series` has label, points, and which colour and dash it wears. */
  function curves(section, title, shape, axes, series) {
    figure(section, title, shape, (palette) => ({
      type: 'line',
      data: {
        datasets: series.map((one) => ({
          label: one.label,
          data: one.points,
          borderColor: palette.series[one.colour],
          backgroundColor: one.dashed ? palette.page : palette.series[one.colour],
          borderDash: one.dashed ? [6, 4] : [],
          pointStyle: ['circle', 'triangle', 'rect', 'rectRot', 'circle'][one.colour],
          pointRadius: 4,
          borderWidth: 2,
          clip: false,
        })),
      },
      options: {
        ...common(palette),
        interaction: { mode: 'nearest', axis: 'x', intersect: false },
        scales: {
          x: { ...axis(palette, axes.x), ...axes.xTicks(palette), type: 'linear' },
          y: { ...axis(palette, axes.y), ...(axes.yRange ?? {}) },
        },
      },
    }));
  }

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
        bars('ladder', name + ', ' + widthName(w), unit, rows);
      });
    }
    models[0].widths.forEach((_, w) => {
      const rows = models.map((model) => {
        const width = model.widths[w];
        const runs = [{ ...width.ladder.at(-1), name: 'everything' }, ...width.leave_one_out];
        return runs.map((run) => ({ name: run.name, value: megabytes(run.figures.bytes_read_per_token) }));
      });
      bars('without', 'FFN bytes read, ' + widthName(w), 'MB per token', rows);
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

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  ladders();
  savings();
  activity();
  draw();

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('beforeprint', () => {
    document.documentElement.classList.add(PAPER);
    draw();
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove(PAPER);
    draw();
  });
})();
