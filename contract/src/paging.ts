import { z } from "zod";

/** Query of every list: `limit` 1 to 200, `cursor` from the last answer's `next`. */
export const page = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(256).optional(),
});
export type Page = z.output<typeof page>;

/** A list's answer: `items`, and `next` while there are more. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next: z.string().optional() });
}
