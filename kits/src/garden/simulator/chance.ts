/** Chance that can be asked for any moment by itself: the same seed, name and number give the same answer, in whatever order they are asked. */
export interface Chance {
  /** From 0 up to but not including 1. */
  unit(name: string, index: number): number;
  /** About 0, mostly within -2 and 2. */
  bell(name: string, index: number): number;
  /** From -1 to 1, moving smoothly from one whole number to the next. */
  drift(name: string, at: number): number;
  /** Chance of its own for a part of the whole: a room, a plant, a node. */
  of(name: string): Chance;
}

export function createChance(seed: number): Chance {
  const root = mix(seed >>> 0);

  function unit(name: string, index: number): number {
    const low = index >>> 0;
    const high = Math.floor(index / 4_294_967_296) >>> 0;
    return mix(mix(mix(root ^ hashOf(name)) ^ low) ^ high) / 4_294_967_296;
  }

  return {
    unit,
    bell: (name, index) => unit(`${name} a`, index) + unit(`${name} b`, index) + unit(`${name} c`, index) + unit(`${name} d`, index) - 2,
    drift(name, at) {
      const from = Math.floor(at);
      const part = at - from;
      const eased = part * part * (3 - 2 * part);
      const [before, after] = [unit(name, from), unit(name, from + 1)];
      return 2 * (before + (after - before) * eased) - 1;
    },
    of: (name) => createChance(root ^ hashOf(name)),
  };
}

/** @see the finaliser of MurmurHash3, Austin Appleby, public domain */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85_eb_ca_6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** @see FNV-1a, Fowler, Noll and Vo, public domain */
function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93);
  return hash >>> 0;
}
