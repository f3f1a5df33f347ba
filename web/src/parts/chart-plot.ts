import type { Points, Series } from "@roost/contract/telemetry";
import type UPlot from "uplot";

import { type Columns, type Limit, lonePoints, valueRange } from "./chart-data.ts";
import { followTouch } from "./chart-touch.ts";
import { formatReading, formatValue } from "./format.ts";

export interface PlotOptions {
  readonly unit: Points["unit"];
  readonly kind: Series["kind"];
  readonly timeZone: string;
  readonly height: number;
  readonly onIndex: (index: number) => void;
  /** A stretch was dragged or pinched, in epoch milliseconds. */
  readonly onZoom: (from: number, to: number) => void;
}

export interface Drawing {
  readonly columns: Columns;
  /** What is seen, in epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly limits: readonly Limit[];
}

export interface PlotHandle {
  draw(drawing: Drawing): void;
  /** Moves the cursor by key to a neighbouring point with a value; answers whether the key was one for it. */
  walk(key: string): boolean;
  /** Fits the plot into its element. */
  resize(): void;
  destroy(): void;
}

interface Colours {
  readonly line: string;
  readonly band: string;
  readonly grid: string;
  readonly text: string;
  readonly panel: string;
  readonly limit: Readonly<Record<Limit["severity"], string>>;
  readonly font: string;
}

/** Time labels of 24 hours, with the date on a second line where the day, and the year where the year changes. */
const timeLabels: UPlot.Axis.Values = [
  [31_536_000, "{YYYY}", null, null, null, null, null, null, 1],
  [2_419_200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [0.001, "{ss}.{fff}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

/** What is shorter than this many pixels is no line. */
const shortestLine = 3;

function dots(plot: UPlot): number[] {
  const shortest = plot.posToVal(shortestLine, "x") - plot.posToVal(0, "x");
  return lonePoints([...(plot.data[3] ?? [])], [...plot.data[0]], shortest);
}

/** Makes the plot inside `element`, empty; uPlot comes with the first chart, not with the app. */
export async function createPlot(element: HTMLElement, options: PlotOptions): Promise<PlotHandle> {
  const { default: UPlotClass } = await import("uplot");
  const colours = readColours(element);
  const { unit, kind, timeZone, height, onIndex, onZoom } = options;
  let limits: readonly Limit[] = [];
  let dragging = false;
  const steps = kind === "boolean" ? UPlotClass.paths.stepped?.({ align: 1 }) : undefined;
  const stepped = steps === undefined ? {} : { paths: steps };
  const plot = new UPlotClass(
    {
      width: Math.max(120, element.clientWidth),
      height,
      padding: [10, 8, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => UPlotClass.tzDate(new Date(seconds * 1_000), timeZone),
      scales: { x: { time: true, auto: false }, y: { range: (_, low, high) => valueRange(low, high, limits, kind) } },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 6 },
        sync: { key: "roost", scales: ["x", null] },
        points: { one: true, size: 8, width: 2, fill: () => colours.line, stroke: () => colours.line },
        dataIdx: (self, _series, nearest) => nearestValue(self.data[3] ?? [], nearest),
      },
      series: [
        {},
        { stroke: "transparent", points: { show: false }, ...stepped },
        { stroke: "transparent", points: { show: false }, ...stepped },
        {
          stroke: colours.line,
          width: 1.6,
          points: { size: 4, stroke: colours.line, fill: colours.line, filter: dots },
          ...stepped,
        },
      ],
      bands: [{ series: [2, 1], fill: colours.band }],
      axes: [
        axis(colours, { values: timeLabels, space: 76, size: 38 }),
        axis(colours, {
          values: (_, ticks) => ticks.map((tick) => tickText(tick, unit, kind)),
          size: 56,
          space: 34,
          ...(kind === "boolean" ? { splits: [0, 1] } : {}),
        }),
      ],
      hooks: {
        draw: [(self) => drawLimits(self, limits, colours, unit)],
        setCursor: [(self) => onIndex(self.cursor.idx ?? -1)],
        setSelect: [
          (self) => {
            // Linked charts repeat the selection; only the one under the pointer may answer.
            if (!dragging || self.select.width < 6) return;
            dragging = false;
            const from = self.posToVal(self.select.left, "x") * 1_000;
            const to = self.posToVal(self.select.left + self.select.width, "x") * 1_000;
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            onZoom(from, to);
          },
        ],
      },
    },
    [[], [], [], []],
    element,
  );
  plot.over.addEventListener("mousedown", () => (dragging = true));
  plot.over.addEventListener("mouseleave", () => onIndex(-1));
  followTouch(plot, onZoom);
  return {
    draw(drawing) {
      ({ limits } = drawing);
      plot.batch(() => {
        plot.setData(drawing.columns, false);
        plot.setScale("x", { min: drawing.from / 1_000, max: drawing.to / 1_000 });
      });
    },
    walk: (key) => walk(plot, key),
    resize: () => plot.setSize({ width: element.clientWidth, height }),
    destroy: () => plot.destroy(),
  };
}

function walk(plot: UPlot, key: string): boolean {
  const [at, , , avg] = plot.data as Columns;
  const { min = -Infinity, max = Infinity } = plot.scales["x"] ?? {};
  const seen = at.flatMap((instant, index) => (instant >= min && instant <= max && avg[index] !== null ? [index] : []));
  const current = seen.indexOf(plot.cursor.idx ?? -1);
  const next = { ArrowLeft: current === -1 ? seen.length - 1 : current - 1, ArrowRight: current + 1, Home: 0, End: seen.length - 1 }[key];
  if (next === undefined) return false;
  const index = seen[Math.min(Math.max(next, 0), seen.length - 1)];
  const instant = index === undefined ? undefined : at[index];
  if (index !== undefined && instant !== undefined)
    plot.setCursor({ left: plot.valToPos(instant, "x"), top: plot.valToPos(avg[index] ?? 0, "y") });
  return true;
}

function axis(colours: Colours, more: Partial<UPlot.Axis>): UPlot.Axis {
  return {
    stroke: colours.text,
    font: colours.font,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  };
}

function tickText(tick: number, unit: Points["unit"], kind: Series["kind"]): string {
  if (kind === "boolean") return tick === 0 ? "off" : tick === 1 ? "on" : "";
  const { figure, unit: shown } = formatReading(tick, unit);
  // Units that climb differ from tick to tick; a unit that stays stands in the chart's head.
  return shown === unit || shown === "" ? figure : `${figure} ${shown}`;
}

/** The nearest point that has a value: the cursor never rests in a gap's empty point. */
function nearestValue(values: ArrayLike<number | null | undefined>, from: number): number {
  for (let distance = 0; distance < 3; distance += 1) {
    if (typeof values[from - distance] === "number") return from - distance;
    if (typeof values[from + distance] === "number") return from + distance;
  }
  return from;
}

function readColours(element: HTMLElement): Colours {
  const css = getComputedStyle(element);
  const read = (name: string) => css.getPropertyValue(name).trim();
  return {
    line: read("--accent"),
    band: read("--accent-band"),
    grid: read("--grid"),
    text: read("--ink-3"),
    panel: read("--panel"),
    limit: {
      critical: read("--critical"),
      major: read("--major"),
      minor: read("--minor"),
      warning: read("--warning-mark"),
      info: read("--info"),
    },
    font: `12px ${css.fontFamily}`,
  };
}

/** Limits as dashed lines with their value; those out of sight as a note at the edge they lie behind. */
function drawLimits(plot: UPlot, limits: readonly Limit[], colours: Colours, unit: Points["unit"]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px ${colours.font.slice(5)}`;
  ctx.textAlign = "right";
  // A rim in the colour of the ground keeps the words readable where the line runs through them.
  const write = (text: string, x: number, y: number) => {
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * ratio;
    ctx.strokeStyle = colours.panel;
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
  };
  for (const limit of limits) {
    const y = plot.valToPos(limit.value, "y", true);
    const colour = colours.limit[limit.severity];
    const text = `${limit.side} ${formatValue(limit.value, unit)}`;
    const right = bbox.left + bbox.width - 4 * ratio;
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    if (y < bbox.top || y > bbox.top + bbox.height) {
      const beyond = y < bbox.top;
      ctx.textBaseline = beyond ? "top" : "bottom";
      write(`${beyond ? "↑" : "↓"} ${text}`, right, beyond ? bbox.top + 2 * ratio : bbox.top + bbox.height - 2 * ratio);
      continue;
    }
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const roomAbove = y - bbox.top > 16 * ratio;
    ctx.textBaseline = roomAbove ? "bottom" : "top";
    write(text, right, roomAbove ? y - 2 * ratio : y + 3 * ratio);
  }
  ctx.restore();
}
