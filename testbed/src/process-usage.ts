import { readdirSync, readFileSync } from "node:fs";

/** What a process and all below it used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Of the whole tree; pages that processes share are counted once (proportional set size). */
  readonly memoryBytes: number;
}

const ticksPerSecond = 100;

/** The processes below one, itself included, by what the kernel says. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    const parent = Number(fields?.[1] ?? -1);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (let index = 0; index < tree.length; index += 1) tree.push(...(children.get(tree[index] ?? -1) ?? []));
  return tree;
}

/** What processes used so far, themselves and the children they waited for. */
export function usageOf(pids: readonly number[]): Usage {
  let ticks = 0;
  let kilobytes = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    if (fields === undefined) continue;
    for (const index of [11, 12, 13, 14]) ticks += Number(fields[index] ?? 0);
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // It ended, or belongs to somebody else: its memory is not known.
    }
  }
  return { cpuSeconds: ticks / ticksPerSecond, memoryBytes: kilobytes * 1024 };
}

/** The fields of `stat` behind the name, which may hold blanks: state is field 0. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
