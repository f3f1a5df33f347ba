import { pins } from "./node-build.ts";

/** One connection of a part: the pin's own name and where its wire goes. */
interface Connection {
  readonly pin: string;
  readonly to: "3V3" | "GND" | { readonly gpio: number; readonly about: string };
}

interface Part {
  readonly title: string;
  readonly about: string;
  /** Where its box begins, from the top. */
  readonly top: number;
  readonly connections: readonly Connection[];
  /** A resistor between two of its connections, by their order. */
  readonly resistor: { readonly ohms: string; readonly between: readonly [number, number]; readonly about: string } | undefined;
}

const step = 54;
const parts: readonly Part[] = [
  {
    title: "DHT22",
    about: "warmth, humidity",
    top: 56,
    connections: [
      { pin: "VCC", to: "3V3" },
      { pin: "DATA", to: { gpio: pins.air, about: "data of the DHT22" } },
      { pin: "GND", to: "GND" },
    ],
    resistor: { ohms: "10 kΩ", between: [0, 1], about: "a 10 kΩ resistor from DATA to 3V3; boards with three pins have it already" },
  },
  {
    title: "BH1750",
    about: "brightness",
    top: 288,
    connections: [
      { pin: "VCC", to: "3V3" },
      { pin: "SDA", to: { gpio: pins.lightData, about: "SDA of the BH1750" } },
      { pin: "SCL", to: { gpio: pins.lightClock, about: "SCL of the BH1750" } },
      { pin: "GND", to: "GND" },
    ],
    resistor: undefined,
  },
  {
    title: "Soil probe",
    about: "capacitive, v1.2",
    top: 574,
    connections: [
      { pin: "VCC", to: "3V3" },
      { pin: "AOUT", to: { gpio: pins.soil, about: "AOUT of the soil probe" } },
      { pin: "GND", to: "GND" },
    ],
    resistor: { ohms: "1 MΩ", between: [1, 2], about: "a 1 MΩ resistor from AOUT to GND, so that an unplugged probe is noticed" },
  },
];

const width = 480;
const height = 832;
const boxLeft = 12;
const boxWidth = 168;
const boxRight = boxLeft + boxWidth;
const powerAt = 208;
const groundAt = 236;
const resistorAt = 288;
const boardLeft = 336;
const boardTop = 24;
const boardBottom = 808;
const powerPinAt = 72;
const groundPinAt = 782;
const firstPin = 78;

/** Colours follow the page's scheme; a page may set its own. Each kind of wire also has a pattern and names at both ends. */
const paint = {
  power: "var(--garden-wire-power, light-dark(#b42318, #ff9b8f))",
  ground: "var(--garden-wire-ground, light-dark(#475467, #b6bfcc))",
  signal: "var(--garden-wire-signal, light-dark(#155eef, #8fb4ff))",
  line: "var(--garden-wire-line, light-dark(#98a2b3, #667085))",
  panel: "var(--garden-wire-panel, light-dark(#f6f7f9, #22262c))",
  behind: "var(--garden-wire-background, light-dark(#ffffff, #16181c))",
} as const;

const pinTop = (part: Part, index: number): number => part.top + firstPin + index * step;
const boxHeight = (part: Part): number => firstPin + (part.connections.length - 1) * step + 32;

/** The drawing in words, for those who do not see it. */
export function wiringWords(): string {
  const wires = parts.map(({ title, connections, resistor }) => {
    const each = connections.map(({ pin, to }) => `${pin} to ${typeof to === "string" ? to : `GPIO${to.gpio}`}`).join(", ");
    return `${title}: ${each}${resistor === undefined ? "" : `; ${resistor.about}`}.`;
  });
  return `All parts run on 3.3 volts. ${wires.join(" ")}`;
}

/**
 * The wiring of a node as SVG, readable on a phone, in light and dark.
 *
 * @param alone - As a file of its own it has its background and follows the system's colour scheme; inside a page it takes the page's.
 */
export function wiringSvg({ alone = true }: { readonly alone?: boolean } = {}): string {
  const own = alone
    ? `<style>svg:root{color-scheme:light dark;color:light-dark(#101828,#f2f4f7)}</style><rect width="${width}" height="${height}" rx="12" fill="${paint.behind}"/>`
    : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="garden-wiring-title garden-wiring-desc" font-family="system-ui, sans-serif" font-size="17" fill="currentColor">
<title id="garden-wiring-title">How a garden node is wired</title>
<desc id="garden-wiring-desc">${wiringWords()}</desc>
${own}${rails()}${parts.map(wiresOf).join("")}${board()}${parts.map(boxOf).join("")}${legend()}
</svg>
`;
}

/** Power is a plain line, ground a dashed one. */
const stroke = {
  power: `fill="none" stroke="${paint.power}" stroke-width="3.5"`,
  ground: `fill="none" stroke="${paint.ground}" stroke-width="3.5" stroke-dasharray="9 5"`,
  signal: `fill="none" stroke="${paint.signal}" stroke-width="3"`,
} as const;

function rails(): string {
  const lastPower = Math.max(...parts.map((part) => pinTop(part, 0)));
  const firstGround = Math.min(...parts.map((part) => pinTop(part, part.connections.length - 1)));
  return (
    `<path d="M${boardLeft} ${powerPinAt}H${powerAt}V${lastPower}" ${stroke.power}/>` +
    `<path d="M${boardLeft} ${groundPinAt}H${groundAt}V${firstGround}" ${stroke.ground}/>`
  );
}

function wiresOf(part: Part): string {
  const drawn = part.connections.map(({ to }, index) => {
    const y = pinTop(part, index);
    if (to === "3V3") return `<path d="M${boxRight} ${y}H${powerAt}" ${stroke.power}/>${dot(powerAt, y, paint.power)}`;
    // It passes over the power rail without touching it.
    if (to === "GND")
      return `${gap(powerAt, y)}<path d="M${boxRight} ${y}H${groundAt}" ${stroke.ground}/>${dot(groundAt, y, paint.ground)}`;
    return `${gap(powerAt, y)}${gap(groundAt, y)}<path d="M${boxRight} ${y}H${boardLeft}" ${stroke.signal}/>`;
  });
  return drawn.join("") + (part.resistor === undefined ? "" : resistorOf(part, part.resistor));
}

/** Room around a wire that crosses another. */
function gap(x: number, y: number): string {
  return `<path d="M${x} ${y - 8}V${y + 8}" stroke="${paint.behind}" stroke-width="9"/>`;
}

function dot(x: number, y: number, colour: string): string {
  return `<circle cx="${x}" cy="${y}" r="5.5" fill="${colour}"/>`;
}

function resistorOf(part: Part, { ohms, between: [from, to] }: NonNullable<Part["resistor"]>): string {
  const [upper, lower] = [pinTop(part, from), pinTop(part, to)];
  const isUp = part.connections[from]?.to === "3V3";
  const rail = isUp ? { x: powerAt, y: upper, look: stroke.power } : { x: groundAt, y: lower, look: stroke.ground };
  const signalAt = isUp ? lower : upper;
  const crossing = isUp ? gap(groundAt, rail.y) : "";
  return (
    `${crossing}<path d="M${rail.x} ${rail.y}H${resistorAt}V${(upper + lower) / 2}" ${rail.look}/>` +
    `<path d="M${resistorAt} ${(upper + lower) / 2}V${signalAt}" ${stroke.signal}/>${dot(resistorAt, signalAt, paint.signal)}` +
    `<rect x="${resistorAt - 34}" y="${(upper + lower) / 2 - 14}" width="68" height="28" rx="6" fill="${paint.behind}" stroke="currentColor" stroke-width="2"/>` +
    `<text x="${resistorAt}" y="${(upper + lower) / 2 + 5.5}" text-anchor="middle" font-size="15" font-weight="600">${ohms}</text>`
  );
}

function boxOf(part: Part): string {
  const rows = part.connections.map(({ pin, to }, index) => {
    const y = pinTop(part, index);
    const goal = typeof to === "string" ? to : `GPIO${to.gpio}`;
    return (
      `<rect x="${boxRight - 8}" y="${y - 8}" width="16" height="16" rx="3" fill="${paint.behind}" stroke="currentColor" stroke-width="2"/>` +
      `<text x="${boxRight - 18}" y="${y - 2}" text-anchor="end" font-weight="700">${pin}</text>` +
      `<text x="${boxRight - 18}" y="${y + 16}" text-anchor="end" font-size="15">to ${goal}</text>`
    );
  });
  return (
    `<rect x="${boxLeft}" y="${part.top}" width="${boxWidth}" height="${boxHeight(part)}" rx="10" fill="${paint.panel}" stroke="${paint.line}" stroke-width="1.5"/>` +
    `<text x="${boxLeft + 14}" y="${part.top + 26}" font-size="19" font-weight="700">${part.title}</text>` +
    `<text x="${boxLeft + 14}" y="${part.top + 46}" font-size="14.5">${part.about}</text>${rows.join("")}`
  );
}

function board(): string {
  const gpios = parts.flatMap((part) =>
    part.connections.flatMap(({ to }, index) => (typeof to === "string" ? [] : [{ y: pinTop(part, index), name: `GPIO${to.gpio}` }])),
  );
  const all = [{ y: powerPinAt, name: "3V3" }, ...gpios, { y: groundPinAt, name: "GND" }];
  const rows = all.map(
    ({ y, name }) =>
      `<rect x="${boardLeft - 8}" y="${y - 8}" width="16" height="16" rx="3" fill="${paint.behind}" stroke="currentColor" stroke-width="2"/>` +
      `<text x="${boardLeft + 18}" y="${y + 6}" font-weight="700">${name}</text>`,
  );
  const middle = (boardLeft + width - 12) / 2;
  const note = (y: number, lines: readonly string[]) =>
    lines
      .map((line, index) => `<text x="${middle + 8}" y="${y + index * 19}" text-anchor="middle" font-size="14.5">${line}</text>`)
      .join("");
  return (
    `<rect x="${boardLeft}" y="${boardTop}" width="${width - 12 - boardLeft}" height="${boardBottom - boardTop}" rx="12" fill="${paint.panel}" stroke="${paint.line}" stroke-width="1.5"/>` +
    `<text x="${boardLeft + 18}" y="${boardTop + 28}" font-size="19" font-weight="700">ESP32</text>` +
    `${rows.join("")}${note(252, ["lamp on", `GPIO${pins.led}`, "(built in)"])}${note(548, ["BOOT button", `on GPIO${pins.button}:`, "hold 10 s", "to reset"])}${note(664, ["USB: 5 V in"])}`
  );
}

function legend(): string {
  const row = (x: number, look: string, name: string) =>
    `<path d="M${x} 20h30" ${look}/><text x="${x + 38}" y="25.5" font-size="14">${name}</text>`;
  return row(boxLeft, stroke.power, "3.3 V") + row(boxLeft + 96, stroke.ground, "GND") + row(boxLeft + 184, stroke.signal, "signal");
}
