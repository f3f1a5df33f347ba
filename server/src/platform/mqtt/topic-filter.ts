/** Levels of a topic or filter. */
export function levelsOf(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at !== -1; at = topic.indexOf("/", at + 1)) levels += 1;
  return levels;
}

/** Says whether a text can be the topic of a message: not empty, and no wildcard in it. */
export function isTopicName(topic: string): boolean {
  return topic !== "" && !topic.includes("+") && !topic.includes("#");
}

/** Says whether `+` stands alone in its level, and `#` alone in the last one. */
export function isTopicFilter(filter: string): boolean {
  if (filter === "") return false;
  const levels = filter.split("/");
  return levels.every((level, index) => {
    if (level === "#") return index === levels.length - 1;
    return level === "+" || (!level.includes("+") && !level.includes("#"));
  });
}

export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * Says whether a filter matches a topic. Topics that begin with `$` are matched by no leading wildcard.
 *
 * @see MQTT 5, section 4.7
 */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= given.length) return false;
    if (level !== "+" && level !== given[index]) return false;
  }
  return wanted.length === given.length;
}
