const makerKey = Symbol("sql");

/** A statement with its values beside it. Only {@link sql} makes one, so text cannot be joined into SQL by accident. */
export class Sql {
  readonly #brand = true;
  readonly text: string;
  readonly values: readonly unknown[];
  /** See {@link prepared}. */
  readonly name: string | undefined;

  constructor(key: symbol, text: string, values: readonly unknown[], name?: string) {
    if (key !== makerKey || !this.#brand) throw new TypeError("Statements are made by the sql tag.");
    this.text = text;
    this.values = values;
    this.name = name;
  }
}

/**
 * Writes SQL as SQL: places become parameters, nested statements and identifiers become text.
 *
 * @example db.query(sql`select a.id from alarms a where a.id = ${id}`)
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly unknown[]): Sql {
  let text = strings[0] ?? "";
  const values: unknown[] = [];
  for (const [index, part] of parts.entries()) {
    if (part instanceof Sql) {
      text += part.text.replaceAll(/\$(\d+)/g, (_, number: string) => `$${Number(number) + values.length}`);
      values.push(...part.values);
    } else {
      values.push(part);
      text += `$${values.length}`;
    }
    text += strings[index + 1] ?? "";
  }
  return new Sql(makerKey, text, values);
}

/**
 * A statement that each connection plans once and keeps under this name: for the few that run thousands of times a second. Its text must be
 * the same each time.
 */
export function prepared(name: string, { text, values }: Sql): Sql {
  return new Sql(makerKey, text, values, name);
}

/** An identifier, quoted: for the few names that are made while running, such as a partition's. */
export function identifier(name: string): Sql {
  return new Sql(makerKey, `"${name.replaceAll('"', '""')}"`, []);
}

/** A table's name, quoted part by part: with its schema, where a kit keeps it. */
export function tableName(name: string): Sql {
  return join(name.split(".").map(identifier), trusted("."));
}

/** Puts statements in a row: `join([sql\`a\`, sql\`b\`], sql\`, \`)`; nothing gives an empty statement. */
export function join(statements: readonly Sql[], separator: Sql): Sql {
  return statements.reduce((all, one, index) => (index === 0 ? one : sql`${all}${separator}${one}`), sql``);
}

/** Text that is a statement already: a migration's file. Never for anything a person or device wrote. */
export function trusted(text: string): Sql {
  return new Sql(makerKey, text, []);
}
