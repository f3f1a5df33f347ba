import { goodAnswer, refused, says, someFacts, stored } from "./case.ts";
import type { EvaluationCase } from "./case.ts";

const good = JSON.stringify(goodAnswer());
const facts = someFacts();
const tip = (text: string) => says({ tips: [{ text, cites: [] }] });

/** Answers that are no plan, or hold what must not be shown. */
export const answerCases: readonly EvaluationCase[] = [
  { name: "a fenced answer", facts, model: { says: `\`\`\`json\n${good}\n\`\`\`` }, expected: stored },
  { name: "a fence without a language", facts, model: { says: `\`\`\`\n${good}\n\`\`\`` }, expected: stored },
  { name: "a sentence before the fence", facts, model: { says: `Here is the plan:\n\`\`\`json\n${good}\n\`\`\`\n` }, expected: stored },
  { name: "spaces around the answer", facts, model: { says: `\n\n  ${good}\n ` }, expected: stored },
  { name: "leaves that curl are no command", facts, model: tip("Leaves curl downward when it is thirsty."), expected: stored },
  { name: "a truncated answer", facts, model: { says: good.slice(0, 300), ends: "length" }, expected: refused("truncated") },
  { name: "a whole answer that was cut off all the same", facts, model: { says: good, ends: "length" }, expected: refused("truncated") },
  { name: "an answer that breaks off", facts, model: { says: good.slice(0, 300) }, expected: refused("not_json") },
  { name: "a refusal", facts, model: { says: "I cannot help with that.", ends: "refusal" }, expected: refused("declined") },
  { name: "a refusal in words", facts, model: { says: "I'm sorry, but I can't help with that." }, expected: refused("not_json") },
  { name: "an empty answer", facts, model: { says: "" }, expected: refused("empty") },
  { name: "blanks", facts, model: { says: "  \n " }, expected: refused("empty") },
  { name: "an empty object", facts, model: { says: "{}" }, expected: refused("wrong_shape") },
  { name: "a list", facts, model: { says: `[${good}]` }, expected: refused("wrong_shape") },
  { name: "null", facts, model: { says: "null" }, expected: refused("wrong_shape") },
  { name: "two fences", facts, model: { says: `\`\`\`\n${good}\n\`\`\`\n\`\`\`\n${good}\n\`\`\`` }, expected: refused("not_json") },
  {
    name: "an extra field",
    facts,
    model: { says: JSON.stringify({ ...goodAnswer(), actions: [{ open_valve: true }] }) },
    expected: refused("wrong_shape"),
  },
  {
    name: "a missing section",
    facts,
    model: { says: JSON.stringify({ ...goodAnswer(), watering: undefined }) },
    expected: refused("wrong_shape"),
  },
  {
    name: "a value as text",
    facts,
    model: { says: good.replace('"value":21.4', '"value":"21.4"') },
    expected: refused("wrong_shape"),
  },
  { name: "an enormous text", facts, model: tip("Water. ".repeat(400)), expected: refused("too_long") },
  { name: "an enormous answer", facts, model: { says: `{"summary":"${"x".repeat(40_000)}"}` }, expected: refused("too_long") },
  {
    name: "an answer beyond what is read",
    facts,
    model: { says: `{"summary":"${"x".repeat(90_000)}"}` },
    expected: { kind: "failed", reason: "unreadable" },
  },
  {
    name: "twenty alerts",
    facts,
    model: says({ alerts: Array.from({ length: 20 }, () => ({ text: "Dry.", cites: [] })) }),
    expected: refused("too_long"),
  },
  { name: "HTML", facts, model: tip('<b onclick="x()">Mist</b> it.'), expected: refused("markup") },
  { name: "a script", facts, model: tip("<script>alert(1)</script>"), expected: refused("markup") },
  { name: "HTML entities", facts, model: tip("&lt;script&gt; it"), expected: refused("markup") },
  { name: "a Markdown link", facts, model: tip("See [this](//evil.example)."), expected: refused("markup") },
  { name: "a Markdown picture", facts, model: tip("![x](http://evil.example/p.png)"), expected: refused("markup") },
  { name: "a bare link", facts, model: tip("More at https://evil.example/plants."), expected: refused("markup") },
  { name: "a domain", facts, model: tip("Buy food at plant-food.com today."), expected: refused("markup") },
  { name: "bold", facts, model: tip("**Never** let it dry."), expected: refused("markup") },
  { name: "code", facts, model: tip("Press `reset` on the node."), expected: refused("markup") },
  { name: "a script's address", facts, model: tip("javascript:alert(1)"), expected: refused("markup") },
  { name: "characters that turn the text round", facts, model: tip("Water it \u202Eyadot\u202C."), expected: refused("markup") },
  { name: "hidden tags in the text", facts, model: tip("Water\u{E0041} it."), expected: refused("markup") },
  { name: "a shell command", facts, model: tip("Run sudo reboot on the node."), expected: refused("commands") },
  { name: "a pipe into a shell", facts, model: tip("Type x | sh to update."), expected: refused("commands") },
  { name: "a statement of SQL", facts, model: tip("DROP TABLE plants first."), expected: refused("commands") },
];

const hostileError = "Invalid key sk-live-011; prompt was: Monstera <script>";

/** Providers that do not answer as they should; what they say in words stays with them. */
export const failureCases: readonly EvaluationCase[] = [
  { name: "a wrong key", facts, model: { status: 401, errorText: hostileError }, expected: { kind: "failed", reason: "bad_key" } },
  { name: "no credit", facts, model: { status: 403, errorText: hostileError }, expected: { kind: "failed", reason: "no_credit" } },
  { name: "an unknown model", facts, model: { status: 404, errorText: hostileError }, expected: { kind: "failed", reason: "bad_request" } },
  {
    name: "too many requests",
    facts,
    model: { status: 429, retryAfterSeconds: 17, errorText: hostileError },
    expected: { kind: "failed", reason: "rate_limited" },
  },
  {
    name: "a fault of the provider",
    facts,
    model: { status: 500, errorText: hostileError },
    expected: { kind: "failed", reason: "provider_down" },
  },
  {
    name: "an overloaded provider",
    facts,
    model: { status: 503, errorText: hostileError },
    expected: { kind: "failed", reason: "provider_down" },
  },
  {
    name: "a page instead of an answer",
    facts,
    model: { raw: "<html>Sign in to the Wi-Fi</html>" },
    expected: { kind: "failed", reason: "unreadable" },
  },
  { name: "an answer of another form", facts, model: { raw: '{"hello":"there"}' }, expected: { kind: "failed", reason: "unreadable" } },
  { name: "a connection that breaks", facts, model: { drop: true }, expected: { kind: "failed", reason: "unreachable" } },
];
