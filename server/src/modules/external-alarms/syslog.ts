/** A message of syslog as it came. Everything in it but the numbers is hostile text. */
export interface SyslogMessage {
  /** 0 to 23. */
  readonly facility: number;
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number;
  /** Only of RFC 5424: the older form names neither year nor zone. */
  readonly at: Date | undefined;
  readonly host: string | undefined;
  readonly app: string | undefined;
  readonly processId: string | undefined;
  readonly messageId: string | undefined;
  /** Structured data: by id and name. */
  readonly data: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly text: string;
}

/** What is longer is cut: no receiver has to take more (RFC 5424, section 6.1, asks for 2,048). */
export const longestMessage = 8_192;

const decoder = new TextDecoder("utf-8");
// user.notice: what a receiver takes a message without a priority for (RFC 3164, section 4.3.3).
const priorityOfNone = 13;

/**
 * Reads a message of RFC 5424 or RFC 3164. Never fails: what cannot be read as either is text.
 *
 * @see RFC 5424, section 6; RFC 3164, section 4.1
 */
export function parseSyslog(bytes: Uint8Array): SyslogMessage {
  const text = decoder
    .decode(bytes.subarray(0, longestMessage))
    .replaceAll("\0", " ")
    .replace(/[\r\n]+$/, "");
  const priority = /^<(\d{1,3})>/.exec(text);
  const number = priority === null ? priorityOfNone : Number(priority[1]);
  const known = number <= 191 ? number : priorityOfNone;
  const rest = number <= 191 && priority !== null ? text.slice(priority[0].length) : text;
  const parts = rest.startsWith("1 ") && priority !== null ? readNew(rest.slice(2)) : undefined;
  return { facility: known >> 3, severity: known & 7, ...(parts ?? readOld(rest)) };
}

type Parts = Omit<SyslogMessage, "facility" | "severity">;

/** `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`; `undefined` where it is none. */
function readNew(text: string): Parts | undefined {
  const fields = /^(\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /.exec(text);
  if (fields === null) return undefined;
  const [whole, time = "-", host, app, processId, messageId] = fields;
  const structured = readData(text, whole.length);
  if (structured === undefined) return undefined;
  const atMs = /^\d{4}-\d\d-\d\dT/.test(time) ? Date.parse(time) : Number.NaN;
  return {
    at: Number.isNaN(atMs) ? undefined : new Date(atMs),
    host: nil(host),
    app: nil(app),
    processId: nil(processId),
    messageId: nil(messageId),
    data: structured.data,
    text: text
      .slice(structured.end)
      .replace(/^ /, "")
      .replace(/^\uFEFF/, ""),
  };
}

const nil = (field: string | undefined): string | undefined => (field === undefined || field === "-" ? undefined : field);

/** `-`, or `[id name="value" …]` one after another; in values `\"`, `\\` and `\]` are escaped. One pass, character by character. */
function readData(text: string, from: number): { data: SyslogMessage["data"]; end: number } | undefined {
  if (text[from] === "-") return { data: {}, end: from + 1 };
  const data = new Map<string, Record<string, string>>();
  let at = from;
  while (text[at] === "[") {
    const id = word(text, at + 1);
    if (id === "") return undefined;
    at += 1 + id.length;
    const values = new Map<string, string>();
    while (text[at] === " ") {
      const name = word(text, at + 1);
      if (name === "" || !text.startsWith('="', at + 1 + name.length)) return undefined;
      const value = readValue(text, at + 1 + name.length + 2);
      if (value === undefined) return undefined;
      values.set(name, value.text);
      at = value.end;
    }
    if (text[at] !== "]") return undefined;
    data.set(id, Object.fromEntries(values));
    at += 1;
  }
  return at === from ? undefined : { data: Object.fromEntries(data), end: at };
}

/** SD-NAME: up to 32 characters, none of space, `=`, `]`, `"`. */
function word(text: string, from: number): string {
  let end = from;
  while (end < text.length && end - from < 32 && !' =]"'.includes(text[end] ?? " ")) end += 1;
  return text.slice(from, end);
}

function readValue(text: string, from: number): { text: string; end: number } | undefined {
  let value = "";
  for (let at = from; at < text.length; at += 1) {
    const sign = text[at] ?? "";
    if (sign === '"') return { text: value, end: at + 1 };
    const next = text[at + 1] ?? "";
    if (sign === "\\" && '"\\]'.includes(next) && next !== "") {
      value += next;
      at += 1;
    } else value += sign;
  }
  return undefined;
}

/** `Mmm dd hh:mm:ss HOSTNAME TAG[PID]: text`, of which devices leave out what they like. */
function readOld(text: string): Parts {
  const nothing = { at: undefined, processId: undefined, messageId: undefined, data: {} };
  const time =
    /^(?:\d{1,10}: )?[*.]?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [A-Z]{3,4})?:? /.exec(
      text,
    );
  if (time === null) return { ...nothing, host: undefined, ...tagOf(text) };
  const rest = text.slice(time[0].length);
  // A word that ends in a colon is a tag already: the sender left its name out.
  const host = /^([^\s:[\]]{1,255}|[\da-fA-F:.]{2,45}) (?=\S)/.exec(rest);
  if (host === null) return { ...nothing, host: undefined, ...tagOf(rest) };
  return { ...nothing, host: host[1], ...tagOf(rest.slice(host[0].length)) };
}

function tagOf(text: string): Pick<Parts, "app" | "processId" | "text"> {
  const tag = /^([^\s:[\]]{1,48})(?:\[([^\]\s]{1,128})\])?: ?/.exec(text);
  if (tag === null) return { app: undefined, processId: undefined, text };
  return { app: tag[1], processId: tag[2], text: text.slice(tag[0].length) };
}

/**
 * Cuts a stream into messages: counted (`123 <34>1 …`) or by line ends, as each message begins.
 *
 * @see RFC 6587, section 3.4
 */
export function createFraming() {
  let held = Buffer.alloc(0);
  /** Of a message that is longer than we take: so much of it is still to come, or all up to the line end. */
  let skip: number | "line" = 0;

  function* cut(): Generator<Uint8Array> {
    while (held.length > 0) {
      if (skip === "line") {
        const end = held.indexOf(0x0a);
        held = end < 0 ? Buffer.alloc(0) : held.subarray(end + 1);
        if (end >= 0) skip = 0;
        continue;
      }
      if (skip > 0) {
        const gone = Math.min(skip, held.length);
        held = held.subarray(gone);
        skip -= gone;
        continue;
      }
      const counted = /^([1-9]\d{0,8}) /.exec(held.toString("latin1", 0, 11));
      if (counted !== null) {
        const start = counted[0].length;
        const length = Number(counted[1]);
        const taken = Math.min(length, longestMessage);
        if (held.length < start + taken) return;
        yield held.subarray(start, start + taken);
        held = held.subarray(start + taken);
        skip = length - taken;
        continue;
      }
      if (held.length < 11 && /^[1-9]\d*$/.test(held.toString("latin1"))) return;
      const end = held.indexOf(0x0a);
      if (end < 0 && held.length < longestMessage) return;
      const stop = end < 0 || end > longestMessage ? longestMessage : end;
      if (stop > 0) yield held.subarray(0, stop);
      held = held.subarray(end === stop ? stop + 1 : stop);
      if (end !== stop) skip = "line";
    }
  }

  return {
    /** The messages that are whole now. */
    push(bytes: Uint8Array): Uint8Array[] {
      held = Buffer.concat([held, bytes]);
      return [...cut()];
    },
    /** What is left when the stream ends. */
    end(): Uint8Array[] {
      const rest = held;
      held = Buffer.alloc(0);
      return rest.length === 0 || skip !== 0 ? [] : [rest];
    },
  };
}
