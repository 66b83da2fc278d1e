// Figures of a report: horizontal bars and curves, drawn with the chart library. Colours come from the style sheet and are
// read anew for every drawing, so that the figures follow a change of scheme and are light on paper.
const Figures = (() => {
  'use strict';

  const figures = [];
  const NARROW_PIXELS = 460;
  const PAPER = 'paper';

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

  /** Horizontal bars, one group a name, one bar a label; `rows` holds a list of name and value for each label. */
  function bars(section, title, unit, labels, rows) {
    const names = rows[0].map((row) => row.name);
    figure(section, title, {}, (palette, width) => ({
      type: 'bar',
      plugins: [barFigures],
      data: {
        labels: names.map((name) => lines(name, width < NARROW_PIXELS ? 16 : 28)),
        datasets: rows.map((own, m) => ({
          label: labels[m],
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
        layout: { padding: { right: 48 } }, // a figure such as 29,759
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

  /** Draws what was added, and again whenever colours or paper change. */
  function show() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
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
  }

  return { bars, curves, show };
})();
