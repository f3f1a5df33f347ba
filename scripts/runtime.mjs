// What every entry point does first: the right Node, the right packages, the built web app. Runs on Node 20 without a single package.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The Node that comes as a package where the one at hand is older; moved by hand, tested before. */
const nodeVersion = "24.21.0";
const nodeFloor = 24;

/** A failure that is told in words, without a stack. */
export class Stop extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Shows what goes on: one moving line on a terminal, a plain line per step and every ten seconds elsewhere.
 *
 * @returns `step(text)` begins one and gives `{ update(ratio, note), done(text) }`; `say(text)` prints a line.
 */
export function createProgress(out = process.stderr) {
  const live = out.isTTY;
  const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
  const seconds = (since) => `${Math.round((performance.now() - since) / 1000)} s`;
  return {
    say(text) {
      out.write(`${text}\n`);
    },
    step(text) {
      const since = performance.now();
      let [ratio, note, frame] = [undefined, "", 0];
      const percent = () => (ratio === undefined ? "" : ` ${String(Math.min(100, Math.floor(ratio * 100))).padStart(3)} %`);
      const draw = () => {
        frame = (frame + 1) % frames.length;
        const line = `${frames[frame]} ${text}${percent()} (${seconds(since)})${note === "" ? "" : ` ${note}`}`;
        out.write(`\r\u001B[2K${line.slice(0, (out.columns || 80) - 1)}`);
      };
      if (!live) out.write(`${text} …\n`);
      const timer = live ? setInterval(draw, 100) : setInterval(() => out.write(`${text}${percent()} (${seconds(since)})\n`), 10_000);
      const end = (line) => {
        clearInterval(timer);
        out.write(live ? `\r\u001B[2K${line}\n` : `${line}\n`);
      };
      return {
        update(newRatio, newNote = "") {
          ratio = newRatio;
          note = newNote;
        },
        done: (doneText = text) => end(`✓ ${doneText} (${seconds(since)})`),
        failed: (failedText = text) => end(`✗ ${failedText} (${seconds(since)})`),
      };
    },
  };
}

/** Runs a program to its end; its words are kept and told only when it fails. */
export function run(command, args, { cwd = root, env = process.env, onLine = () => undefined } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let words = "";
    let rest = "";
    const hear = (chunk) => {
      words = (words + chunk).slice(-20_000);
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.once("error", (error) => reject(new Stop(`${command} cannot be run: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve(words);
      else reject(new Stop(`${command} ${args.join(" ")} ended with ${code ?? signal}:\n${words.trim().slice(-4_000)}`));
    });
  });
}

/** npm as it is at hand: the one that runs us, or the one on the path. */
function npm(args, options) {
  const script = process.env.npm_execpath;
  const env = { ...process.env, NO_COLOR: "1", PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ""}` };
  if (script !== undefined && /npm-cli\.[cm]?js$/.test(script)) return run(process.execPath, [script, ...args], { env, ...options });
  return run("npm", args, { env, ...options });
}

/**
 * Goes on under Node 24: returns where this Node is new enough, otherwise fetches one into `.runtime/`, runs the same script with
 * it and ends with its exit code.
 */
export async function ensureNode(script, args, progress) {
  if (Number(process.versions.node.split(".")[0]) >= nodeFloor) return;
  const folder = join(root, ".runtime");
  const node = join(folder, "node_modules/node/bin/node");
  const found = existsSync(node) ? spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() : undefined;
  if (found === undefined || Number(/^v(\d+)\./.exec(found)?.[1]) < nodeFloor) {
    const step = progress.step(`Fetching Node ${nodeVersion} (this one is ${process.versions.node})`);
    rmSync(join(folder, "node_modules"), { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), `${JSON.stringify({ private: true })}\n`);
    try {
      // Its own package picks the platform's binary by a script; a set-up that blocks scripts must not block this one.
      await npm(
        ["install", "--prefix", folder, "--save-exact", "--no-audit", "--no-fund", "--ignore-scripts=false", `node@${nodeVersion}`],
        {
          cwd: folder,
        },
      );
    } catch (error) {
      step.failed();
      throw new Stop(`Roost needs Node ${nodeFloor} or newer and could not fetch it from the npm registry.\n${error.message}`);
    }
    if (!existsSync(node)) {
      step.failed();
      throw new Stop(`There is no Node ${nodeFloor} package for this machine. Install Node ${nodeFloor} or newer by hand and start again.`);
    }
    step.done(`Node ${nodeVersion} is here`);
  }
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
  const child = spawn(node, [script, ...args], { env, stdio: ["inherit", "inherit", "inherit", "ipc"] });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  watchNpm(() => child.kill("SIGTERM"));
  const exitCode = await new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
  process.exit(exitCode);
}

/** The parent, and where that is the shell npm starts scripts with, npm above it. */
function lineage() {
  const parent = process.ppid;
  const stat = readText(`/proc/${parent}/stat`);
  const [, program, grandparent] = /^\d+ \((.*)\) \S (\d+) /.exec(stat ?? "") ?? [];
  return /^(?:sh|bash|dash|ash|zsh|busybox)$/.test(program ?? "") ? `${parent} ${grandparent}` : String(parent);
}

/** npm that is killed passes no signal on: whoever it started looks whether it is still there. */
export function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const before = lineage();
  const timer = setInterval(() => {
    if (lineage() === before) return;
    clearInterval(timer);
    onGone();
  }, 500);
  timer.unref();
}

function sha256(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function writeStamp(path, stamp) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, stamp);
  renameSync(`${path}.new`, path);
}

/** Whether what npm wrote down as installed is what the lock asks for; packages of other platforms may be missing. */
function isInstalled(lockText) {
  const installedText = readText(join(root, "node_modules/.package-lock.json"));
  if (installedText === undefined) return false;
  const wanted = JSON.parse(lockText).packages;
  const installed = JSON.parse(installedText).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes("node_modules/")) return true;
    const here = installed[path];
    if (here === undefined) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    const same = here.version === entry.version && here.integrity === entry.integrity && here.link === entry.link;
    return same && existsSync(join(root, path));
  });
}

/** Installs what the lock file asks for, unless it is there already; then no network is needed. */
export async function ensurePackages(progress) {
  const lockText = readFileSync(join(root, "package-lock.json"), "utf8");
  const stamp = sha256([lockText, process.platform, process.arch, process.versions.modules]);
  const stampFile = join(root, "node_modules/.roost-installed");
  if (readText(stampFile) === stamp) return;
  if (isInstalled(lockText)) {
    writeStamp(stampFile, stamp);
    return;
  }
  const total = Object.entries(JSON.parse(lockText).packages).filter(
    ([path, entry]) => path.startsWith("node_modules/") && entry.link !== true && entry.optional !== true,
  ).length;
  const step = progress.step("Installing packages");
  let fetched = 0;
  try {
    await npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=http"], {
      onLine(line) {
        if (!line.includes("http fetch GET 200")) return;
        fetched += 1;
        step.update(fetched / total);
      },
    });
  } catch (error) {
    step.failed();
    throw new Stop(`The packages could not be installed. Is the npm registry within reach?\n${error.message}`);
  }
  writeStamp(stampFile, stamp);
  step.done(`Installed ${total} packages`);
}

/** Installs what the agent alone needs, where nothing is installed or it is another version: a small board has no use for the rest. */
export async function ensureAgentPackages(progress) {
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const names = Object.keys(wanted["agent"]?.dependencies ?? {}).map((name) => `node_modules/${name}`);
  const isHere = (path) => {
    if (wanted[path]?.link === true) return existsSync(join(root, path));
    const text = readText(join(root, path, "package.json"));
    return text !== undefined && JSON.parse(text).version === wanted[path]?.version;
  };
  if (names.length > 0 && names.every(isHere)) return;
  const step = progress.step("Installing the agent's packages");
  try {
    await npm(["ci", "-w", "@roost/agent", "--omit=dev", "--no-audit", "--no-fund"]);
  } catch (error) {
    step.failed();
    throw new Stop(`The packages could not be installed. Is the npm registry within reach?\n${error.message}`);
  }
  step.done("Installed the agent's packages");
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (["node_modules", "dist", ".vite"].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

/** Builds the web app where its sources, or the packages they are built with, have changed. */
export async function ensureWebApp(progress) {
  const page = join(root, "web/dist/index.html");
  if (!existsSync(join(root, "web/index.html"))) {
    if (!existsSync(page)) progress.say("This checkout has no web app to build; the server runs without one.");
    return;
  }
  const files = ["web", "contract/src", "kits"]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => [...filesBelow(join(root, folder))]);
  const stamp = sha256([
    readFileSync(join(root, "package-lock.json")),
    ...files.filter((file) => !/\.test\.tsx?$/.test(file)).flatMap((file) => [relative(root, file), readFileSync(file)]),
  ]);
  const stampFile = join(root, "node_modules/.cache/roost/web-app");
  if (readText(stampFile) === stamp && existsSync(page)) return;
  const step = progress.step("Building the web app");
  try {
    await npm(["run", "build", "-w", "@roost/web"]);
  } catch (error) {
    step.failed();
    throw new Stop(`The web app could not be built.\n${error.message}`);
  }
  writeStamp(stampFile, stamp);
  step.done("Built the web app");
}

/** Runs an entry point; a {@link Stop} is told in words. */
export async function enter(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(error.exitCode);
  }
}
