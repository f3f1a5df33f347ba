/**
 * Changes the texts among the values of a JSON document, and nothing of its shape: what somebody chose to be called is no key and no bracket.
 *
 * @returns The document as it was, to the letter, where no value changes.
 */
export function changeValues(document: string, change: (text: string) => string): string {
  let isChanged = false;
  const changed = JSON.stringify(JSON.parse(document), (_, value: unknown) => {
    if (typeof value !== "string") return value;
    const text = change(value);
    if (text !== value) isChanged = true;
    return text;
  });
  return isChanged ? changed : document;
}
