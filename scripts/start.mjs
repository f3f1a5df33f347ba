#!/usr/bin/env node
// `npm start`: brings everything up, claims this machine as the first device, and takes everything down again.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { createProgress, ensureNode, ensurePackages, ensureWebApp, enter, root, Stop, watchNpm } from "./runtime.mjs";

const help = `npm start -- [options]

Starts Roost on this machine: installs what is missing, starts the database, the server and the
agent that measures this machine, and prints the address. Ctrl-C stops all of it; twice, at once.

  --no-agent   do not measure this machine
  --prepare    install and build only, then end
  --help       this text

Everything else is set in the environment; the commonest:

  ROOST_DATA_DIR        folder of all that Roost keeps             .roost in this folder
  ROOST_HTTP_HOST       address the web server listens on          127.0.0.1
  ROOST_HTTP_PORT       its port                                   8080
  ROOST_HTTPS_PORT      its port with TLS, for the network           8443
  ROOST_MQTT_PORT       port devices connect to, with TLS          8883
  ROOST_PUBLIC_HOSTS    names devices use to reach this machine
  ROOST_DATABASE_URL    an own PostgreSQL 15 or newer              a built-in one
  ROOST_AGENT_…         settings of this machine's agent           see docs/guide/agent.md

All of them: docs/reference/config.md
`;

/** How long each part may take to stop before it is killed. */
const agentPatienceMs = 5_000;
const serverPatienceMs = 15_000;

function readArguments(args) {
  const known = ["--no-agent", "--prepare", "--help", "-h"];
  const unknown = args.filter((arg) => !known.includes(arg));
  if (unknown.length > 0) throw new Stop(`There is no option ${unknown.join(" ")}. See: npm start -- --help`, 2);
  return { agent: !args.includes("--no-agent"), prepare: args.includes("--prepare"), help: args.includes("--help") || args.includes("-h") };
}

/** Says early and in words what a taken port means; the server would say it seconds later. */
async function checkPort(host, port, variable) {
  if (port === 0) return;
  const error = await new Promise((done) => {
    const server = createServer();
    server.once("error", done);
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(undefined)));
  });
  if (error === undefined) return;
  if (error.code === "EADDRINUSE") {
    throw new Stop(
      `Port ${port} is in use: another Roost may be running, or another program. Stop it, or choose another port:\n\n  ${variable}=${port + 1} npm start\n`,
    );
  }
  if (error.code === "EACCES") {
    throw new Stop(`This user may not listen on port ${port}. Choose one from 1024 on:\n\n  ${variable}=8080 npm start\n`);
  }
  throw new Stop(`Cannot listen on ${host} port ${port} (${error.code}). Check ${variable} and its host.`);
}

/** The environment without other programs' variables: each refuses names it does not know, so that typing errors are found. */
function environmentFor(program, more) {
  const isAgents = (name) => name.startsWith("ROOST_AGENT_");
  const kept = Object.entries(process.env).filter(([name]) =>
    program === "agent" ? !name.startsWith("ROOST_") || isAgents(name) : !isAgents(name) && !name.startsWith("ROOST_TEST_"),
  );
  return { ...Object.fromEntries(kept), ...more };
}

/** A child in a session of its own, so that Ctrl-C reaches us alone; it ends by itself when our channel to it closes. */
function startProgram(path, env, nodeOptions = []) {
  const child = spawn(process.execPath, [...nodeOptions, join(root, path)], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
  });
  const ended = new Promise((done) => {
    child.once("error", (error) => done({ how: error.message, code: 1 }));
    child.once("exit", (code, signal) =>
      done({ how: signal === null ? `with code ${code}` : `by ${signal}`, code: code ?? 128 + constants.signals[signal] }),
    );
  });
  return { child, ended };
}

async function stopProgram(program, patienceMs) {
  if (program === undefined || program.child.exitCode !== null || program.child.signalCode !== null) return;
  program.child.kill("SIGTERM");
  const timer = setTimeout(() => program.child.kill("SIGKILL"), patienceMs);
  await program.ended;
  clearTimeout(timer);
}

/** Keeps the agent running beside the server: it is a program of its own, and its end is not the server's. */
function keepAgent(env, progress) {
  let [current, stopping, pauseMs, timer] = [undefined, false, 1_000, undefined];
  const begin = () => {
    current = startProgram("agent/src/main.ts", env);
    const since = performance.now();
    void current.ended.then(({ how, code }) => {
      if (stopping) return;
      // Misconfigured: trying again changes nothing.
      if (code === 78) {
        progress.say("The agent of this machine is misconfigured and stays off; the server goes on.");
        return;
      }
      if (performance.now() - since > 60_000) pauseMs = 1_000;
      progress.say(`The agent of this machine ended ${how}; starting it again in ${pauseMs / 1000} s.`);
      timer = setTimeout(begin, pauseMs);
      pauseMs = Math.min(60_000, pauseMs * 2);
    });
  };
  begin();
  return {
    kill: () => current.child.kill("SIGKILL"),
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await stopProgram(current, agentPatienceMs);
    },
  };
}

function box(lines) {
  const width = Math.max(...lines.map((line) => line.length));
  const edge = "─".repeat(width + 4);
  return ["", `╭${edge}╮`, ...lines.map((line) => `│  ${line.padEnd(width)}  │`), `╰${edge}╯`, ""].join("\n");
}

function welcome({ url, httpsUrl, setupCode }) {
  const network = httpsUrl === undefined ? [] : [`Network   ${httpsUrl}`];
  if (setupCode === undefined) return box(["Roost is ready", "", `Open      ${url}`, ...network, "Stop      Ctrl-C"]);
  return box([
    "Roost is ready",
    "",
    `Open      ${url}`,
    ...network,
    `Code      ${setupCode}`,
    "",
    "Next: open the address and give the code, once, to become the first",
    "administrator. This machine is there already, as the first device.",
    "",
    "Stop      Ctrl-C",
  ]);
}

async function main() {
  const script = fileURLToPath(import.meta.url);
  const args = process.argv.slice(2);
  const options = readArguments(args);
  if (options.help) {
    process.stdout.write(help);
    return;
  }
  const progress = createProgress();
  await ensureNode(script, args, progress);
  await ensurePackages(progress);
  await ensureWebApp(progress);
  if (options.prepare) return;

  const dataDir = resolve(root, process.env.ROOST_DATA_DIR || ".roost");
  await checkPort(process.env.ROOST_HTTP_HOST || "127.0.0.1", Number(process.env.ROOST_HTTP_PORT || 8080), "ROOST_HTTP_PORT");
  if (!/^(?:off|false|no|0|n|disabled)$/i.test(process.env.ROOST_HTTPS || "")) {
    await checkPort(process.env.ROOST_HTTPS_HOST || "0.0.0.0", Number(process.env.ROOST_HTTPS_PORT || 8443), "ROOST_HTTPS_PORT");
  }
  await checkPort(process.env.ROOST_MQTT_HOST || "0.0.0.0", Number(process.env.ROOST_MQTT_PORT || 8883), "ROOST_MQTT_PORT");
  progress.say("Starting the database and the server …");
  const server = startProgram(
    "server/src/main.ts",
    environmentFor("server", {
      ROOST_DATA_DIR: dataDir,
      ROOST_LOCAL_DEVICE: process.env.ROOST_LOCAL_DEVICE || "true",
      // Stripping types and compiling is half of the start's time; the second start finds it done.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(dataDir, "compiled"),
    }),
    // Left to itself Node lets the young part of the heap grow with the machine's memory, and a server that does little holds all of it.
    JSON.parse(readFileSync(join(root, "server/node-options.json"), "utf8")),
  );
  let [agent, stopping] = [undefined, undefined];

  const stop = async (why) => {
    progress.say(`\n${why} Stopping …`);
    await agent?.stop();
    await stopProgram(server, serverPatienceMs);
    const { how, code } = await server.ended;
    if (code !== 0) throw new Stop(`The server ended ${how}.`, code);
    progress.say("Stopped.");
  };
  const end = (why) => {
    stopping ??= { since: performance.now(), done: enter(() => stop(why)).then(() => process.exit(0)) };
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // One Ctrl-C can reach us twice: from the terminal and from the npm or Node that started us.
      if (stopping !== undefined && performance.now() - stopping.since > 500) {
        agent?.kill();
        server.child.kill("SIGKILL");
        process.exit(130);
      }
      end(`${signal}.`);
    });
  }
  // Under an older Node we have a parent; when it dies, so do we.
  if (process.channel !== undefined) process.on("disconnect", () => end("The launcher has ended."));
  watchNpm(() => end("npm has ended."));

  void server.ended.then(async ({ how, code }) => {
    if (stopping !== undefined) return;
    stopping = { since: performance.now() };
    await agent?.stop();
    progress.say(`\nThe server ended ${how}. Its reason stands above, in its log.`);
    process.exit(code === 0 ? 1 : code);
  });
  server.child.on("message", (message) => {
    if (message?.type !== "ready" || stopping !== undefined || agent !== undefined) return;
    process.stdout.write(`${welcome(message)}\n`);
    const agentDir = join(dataDir, "agent");
    const claimed = existsSync(join(agentDir, "credentials.json"));
    if (!options.agent || (message.claimFile === undefined && !claimed)) return;
    agent = keepAgent(
      environmentFor("agent", {
        ROOST_AGENT_DATA_DIR: process.env.ROOST_AGENT_DATA_DIR || agentDir,
        // The credentials name the port of the day they were given; people change it.
        ...(message.mqttPort === undefined ? {} : { ROOST_AGENT_MQTT_PORT: process.env.ROOST_AGENT_MQTT_PORT || String(message.mqttPort) }),
        ROOST_AGENT_LOG_LEVEL: process.env.ROOST_AGENT_LOG_LEVEL || process.env.ROOST_LOG_LEVEL || "info",
        ...(message.claimFile === undefined ? {} : { ROOST_AGENT_CLAIM_FILE: process.env.ROOST_AGENT_CLAIM_FILE || message.claimFile }),
      }),
      progress,
    );
  });
}

await enter(main);
