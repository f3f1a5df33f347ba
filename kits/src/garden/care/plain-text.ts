/** Characters that show nothing or turn the reading round: controls, zero-width, directions, tags, private use, halves of pairs. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Somebody's text for a model to read: one line, without anything hidden, of at most so many characters. */
export function cleanText(text: string, most: number): string {
  const plain = text.normalize("NFC").replaceAll(/\s+/gu, " ").replaceAll(hidden, "").trim();
  // By code points, so that no character is cut in two.
  const points = Array.from(plain);
  return points.length <= most ? plain : `${points.slice(0, most - 1).join("")}…`;
}

const markup: readonly RegExp[] = [
  /<\s*[A-Za-z!/?]/u,
  /&(?:#\d|#x|[a-z]{2,8};)/iu,
  /!?\[[^\]]*\]\s*\(/u,
  /[`*_]{2,}|`[^`]*`|~~~/u,
  /(?:^|\s)\*[^\s*][^*]*\*/u,
  /^\s*(?:#{1,6}|>|[-*+]|\d+\.)\s/mu,
  /[A-Za-z][A-Za-z0-9+.-]*:\/\//u,
  /\b(?:javascript|data|vbscript|file|mailto):/iu,
  /\bwww\./iu,
  /[^\s@]+@[^\s@]+\.[A-Za-z]{2,}/u,
  /\b[a-z0-9-]+\.(?:com|net|org|io|dev|app|info|biz|ru|cn|xyz|top|me|co|ai|de|uk|eu|example|test)\b/iu,
  /\{\{|\$\{|<%|\{%/u,
];

const commands: readonly RegExp[] = [
  /\b(?:sudo|wget|chmod|chown|powershell|cmd\.exe|ssh|scp|npm|npx|apt-get|systemctl|mosquitto_pub)\s+[-\w./]/iu,
  // Leaves curl, and birds roost: only what could be typed.
  /\bcurl\s+(?:-\w|\S+\.\w)|\b(?:eval|exec)\s*\(|\broost\s+(?:claim|garden|kit|secrets|devices|start)\b/iu,
  /\brm\s+-/iu,
  /\b(?:drop|truncate|alter)\s+(?:table|database|schema)\b|\bdelete\s+from\b|\binsert\s+into\b/iu,
  /\$\(|&&|\|\||;\s*(?:rm|cat|sh|bash)\b|\|\s*(?:ba)?sh\b/iu,
  /\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+|your\s+)?(?:previous|prior|above|earlier)\b/iu,
];

/** Says whether text of a model must not be shown; what is shown is plain words. */
export function faultIn(text: string): "markup" | "commands" | undefined {
  if (text.replaceAll(/[\n\r\t]/g, " ").search(hidden) !== -1 || markup.some((pattern) => pattern.test(text))) return "markup";
  if (commands.some((pattern) => pattern.test(text))) return "commands";
  return undefined;
}
