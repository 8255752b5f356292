// Small charts beside each other: a figure each, its lines over the steps, with a band where there is one.

import uPlot from "../../uplot/uPlot.esm.js";

const LINES = ["--accent", "--wait", "--alarm", "--soft"];
const TINTS = ["--accent-tint", "--wait-tint", "--alarm-tint", "--line"];
let charts = new Map();

/** A custom property's colour as the present scheme has it. */
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function written(value, data) {
  if (data.percent) return `${Math.round(value * 1000) / 10}%`;
  if (Math.abs(value) >= 1000) return `${Math.round(value / 100) / 10}k`;
  return String(Math.round(value * 10000) / 10000);
}

function options(data, box) {
  const font = `400 11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("--soft"), font, ticks: { show: false } };
  const series = [{}];
  const bands = [];
  data.lines.forEach((line, place) => {
    const stroke = colour(LINES[place % LINES.length]);
    if (line.lows.length) {
      series.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
      bands.push({ series: [series.length - 2, series.length - 1], fill: colour(TINTS[place % TINTS.length]) });
    }
    series.push({ stroke, width: 2, spanGaps: true, points: { show: data.steps.length === 1, fill: stroke } });
  });
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    cursor: { show: false },
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: false, range: (u, min, max) => [min, Math.max(max, min + 1)] },
      y: { range: (u, min, max) => (max - min < 1e-9 ? [Math.min(min, 0), max + (Math.abs(max) || 1) * 0.1] : uPlot.rangeNum(min, max, 0.1, true)) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, gap: 4, space: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
      { ...axis, grid: { stroke: colour("--line"), width: 1 }, size: 46, gap: 6, space: 28, values: (u, splits) => splits.map((value) => written(value, data)) },
    ],
    series,
    bands,
  };
}

function draw(box) {
  charts.get(box)?.destroy();
  charts.delete(box);
  if (!box.isConnected || !box.clientWidth) return;
  const data = JSON.parse(document.getElementById(box.parentElement.dataset.figure).textContent);
  const columns = data.lines.flatMap((line) =>
    line.lows.length ? [line.highs, line.lows, line.values] : [line.values],
  );
  charts.set(box, new uPlot(options(data, box), [data.steps, ...columns], box));
}

const sizes = new ResizeObserver((entries) => requestAnimationFrame(() => entries.forEach((entry) => draw(entry.target))));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...charts.keys()].forEach(draw));

/** Draws the figures that `root` contains. */
export function drawFigures(root) {
  for (const box of [...charts.keys()]) {
    if (!box.isConnected) {
      sizes.unobserve(box);
      charts.get(box).destroy();
      charts.delete(box);
    }
  }
  for (const figure of root.querySelectorAll("[data-figure]")) sizes.observe(figure.querySelector(".figure__chart"));
}
