/** What an address is counted under: one household or cloud tenant holds a whole /64 of IPv6, which counts as one. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const [left = "", right] = address.toLowerCase().split("%", 1).join("").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? [] : Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0");
  return [...head, ...zeros, ...tail]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
