import { encode } from "uqr";

/**
 * What the QR of a label says; a phone or an agent reads server, device, secret and the mark of the authority out of it.
 *
 * @param caMark - SHA-256 of the authority's certificate, base64url.
 */
export function claimUriOf({
  server,
  deviceId,
  claimSecret,
  caMark,
}: {
  server: string;
  deviceId: string;
  claimSecret: string;
  caMark?: string | undefined;
}): string {
  const fields = { server, device: deviceId, secret: claimSecret, ...(caMark === undefined ? {} : { ca: caMark }) };
  return `roost:claim?${new URLSearchParams(fields).toString()}`;
}

const moduleSize = 4;
const quiet = 4;
const lineHeight = 20;
const longestLine = 34;

/** Text as XML text: a name is whatever a person or device typed. What XML cannot carry is left out. */
function encodeText(text: string): string {
  return text
    .replaceAll(/[^\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&apos;");
}

/** Cuts by what a person sees as characters, so that no emoji is torn. */
function shorten(text: string): string {
  const characters = [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)].map((part) => part.segment);
  return characters.length <= longestLine ? text : `${characters.slice(0, longestLine - 1).join("")}…`;
}

/** The label of a device as SVG, ready to print: the QR, and below it the name and the id as text. */
export function labelSvg({ claimUri, deviceId, name }: { claimUri: string; deviceId: string; name: string }): string {
  const { data, size } = encode(claimUri, { ecc: "M", border: quiet });
  const side = size * moduleSize;
  // Room for the longest line in the text size below, whatever the size of the code.
  const width = Math.max(side, 320);
  const left = (width - side) / 2;
  const height = side + 3 * lineHeight;
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  const line = (text: string, y: number, style: string) =>
    `<text x="${width / 2}" y="${y}" text-anchor="middle" ${style}>${encodeText(text)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Claim code of ${encodeText(deviceId)}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<path transform="translate(${left} 0) scale(${moduleSize})" fill="#000" shape-rendering="crispEdges" d="${squares}"/>`,
    line(shorten(name), side + lineHeight, 'font-family="sans-serif" font-size="16" font-weight="600" fill="#000"'),
    line(deviceId.length > 40 ? shorten(deviceId) : deviceId, side + 2 * lineHeight, 'font-family="monospace" font-size="13" fill="#000"'),
    "</svg>",
  ].join("");
}
