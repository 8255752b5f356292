// The curve of a run: a line with its band, the last value in figures, a ring for the iteration under way.

import uPlot from "../../uplot/uPlot.esm.js";

const LABEL = 100;
let chart = null;
let shown = null;

/** A custom property's colour as the present scheme has it. */
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const font = (weight, size) => `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;

function axis(side, extra) {
  return {
    side,
    stroke: colour("--soft"),
    font: font(400, 12),
    ticks: { show: false },
    ...extra,
  };
}

/** Room for the lowest band and never less than the upper half. */
function floor(lows) {
  return Math.max(0, Math.min(0.5, Math.floor((Math.min(...lows) - 0.01) * 4) / 4));
}

function label(u, curve) {
  const last = curve.means.length - 1;
  const ratio = devicePixelRatio;
  const x = u.valToPos(curve.positions[last], "x", true);
  const y = u.valToPos(curve.means[last], "y", true);
  const text = curve.means[last].toFixed(2) + (curve.stderr === null ? "" : ` ± ${curve.stderr.toFixed(2)}`);
  u.ctx.save();
  u.ctx.fillStyle = colour("--accent");
  u.ctx.font = font(650, 14 * ratio);
  u.ctx.textAlign = "left";
  u.ctx.fillText(text, x + 12 * ratio, Math.max(u.bbox.top + 10 * ratio, y - 12 * ratio));
  if (curve.now !== null && curve.now > curve.positions[last]) {
    u.ctx.strokeStyle = colour("--wait");
    u.ctx.lineWidth = 2 * ratio;
    u.ctx.setLineDash([3 * ratio, 2.5 * ratio]);
    u.ctx.beginPath();
    u.ctx.arc(u.valToPos(curve.now, "x", true), y, 5 * ratio, 0, 2 * Math.PI);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

function options(curve, box) {
  const end = Math.max(curve.now ?? 0, curve.positions.at(-1), 4);
  const low = floor(curve.lows);
  const accent = colour("--accent");
  const name = (position) => {
    if (position === 0) return "start";
    return position === curve.now ? `${position}, now` : String(position);
  };
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    cursor: { show: false },
    legend: { show: false },
    padding: [12, curve.now === null ? LABEL : 12, 0, 0], // a last point at the end of the axis keeps room for its value
    scales: { x: { time: false, range: [-0.15, end + 0.35] }, y: { range: [low, 1] } },
    axes: [
      axis(2, {
        grid: { show: false },
        size: 32,
        gap: 8,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
        splits: (u, index, min, max, increment) => {
          const all = [];
          for (let position = 0; position <= end; position += Math.max(1, increment)) all.push(position);
          return all;
        },
        values: (u, splits) => splits.map(name),
        space: 56,
      }),
      axis(3, {
        grid: { stroke: colour("--line"), width: 1 },
        size: 44,
        gap: 12,
        splits: () => [0, 0.25, 0.5, 0.75, 1].filter((value) => value >= low),
        values: (u, splits) => splits.map((value) => (value % 0.5 ? value.toFixed(2) : value.toFixed(1))),
      }),
    ],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: accent, width: 2.5, points: { show: true, size: 8, fill: accent, stroke: accent } },
    ],
    bands: [{ series: [1, 2], fill: colour("--accent-tint") }],
    hooks: { draw: [(u) => label(u, curve)] },
  };
}

function draw() {
  const { box, curve } = shown;
  chart?.destroy();
  chart = null;
  if (!box.isConnected || !box.clientWidth) return;
  chart = new uPlot(options(curve, box), [curve.positions, curve.highs, curve.lows, curve.means], box);
}

const sizes = new ResizeObserver(() => shown && requestAnimationFrame(draw));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown && draw());

/** Draws the curve that `root` contains, if it contains one. */
export function drawCurve(root) {
  const box = root.querySelector("[data-chart]");
  if (!box) return;
  shown = { box, curve: JSON.parse(root.querySelector("#curve-data").textContent) };
  sizes.disconnect();
  sizes.observe(box);
}
