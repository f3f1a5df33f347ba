const largestPage = 200;

/** Asks for page after page until there are no more, or enough. */
export async function eachPage<Item>(
  atMost: number | undefined,
  ask: (page: { limit: number; cursor?: string }) => Promise<{ items: Item[]; next?: string | undefined }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(largestPage, (atMost ?? Number.POSITIVE_INFINITY) - items.length);
    const page = await ask({ limit, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined && items.length < (atMost ?? Number.POSITIVE_INFINITY));
  return items;
}
