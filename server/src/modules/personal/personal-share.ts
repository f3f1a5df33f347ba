import { sql } from "@roost/contract/sql";
import type { Sql } from "@roost/contract/sql";

/** Whose data is asked for. */
export interface PersonSubject {
  readonly id: string;
  /** As it is now or was last; absent where nobody knows it any more. */
  readonly email: string | undefined;
  /** Of the organisation whose part is asked for. */
  readonly organisationId: string;
}

export interface DeviceSubject {
  readonly id: string;
  readonly key: number;
  readonly organisationId: string;
}

/** Which rows of a table `t` are about somebody, and what becomes of them. */
export interface Share<Subject> {
  readonly rows: (subject: Subject) => Sql;
  /**
   * `delete`: gone. `with`: goes with the row of another table, named by `why`. `name`: the row stays, and the columns in `words` say
   * "erased" in place of the e-mail address. `keep`: stays as it is; `why` says why.
   */
  readonly erase: "delete" | "with" | "name" | "keep";
  readonly why?: string;
}

/** What one table holds of people and devices. */
export interface TableShare {
  readonly table: string;
  /** In the manifest of an export: what this is and why it is kept. */
  readonly about: string;
  /** Columns that are in no export: secrets, and what proves them. */
  readonly withheld?: readonly string[];
  /** Of the person alone, across organisations: sessions, ways to sign in. Gone with the account. */
  readonly account?: Share<PersonSubject> & {
    /** Rows of it that an organisation may have too; absent: none. */
    readonly inOrganisation?: (subject: PersonSubject) => Sql;
  };
  /** Of the person in one organisation. */
  readonly person?: Share<PersonSubject>;
  readonly device?: Share<DeviceSubject> & {
    /** Why an export has no file of it. */
    readonly notExported?: string;
  };
  /** Texts in which somebody's e-mail address may stand; each organisation erases in its own rows. */
  readonly words?: readonly string[];
  /** The words belong to no organisation: they are erased with the account. */
  readonly isPlatforms?: true;
}

/** Why rows stay until those of another table go. */
export const erasedWith = (table: string) => `Goes with its row in ${table}.`;
/** Rows that name the person by their id. */
export const mine =
  (column: Sql = sql`t.person_id`) =>
  ({ id }: PersonSubject) =>
    sql`${column} = ${id}::uuid`;
/** Rows that name the device by its id. */
export const device = ({ id }: DeviceSubject) => sql`t.device_id = ${id}`;
/** Rows that name the device by its short key. */
export const deviceKey = ({ key }: DeviceSubject) => sql`t.device_key = ${key}`;
/** Rows of the organisation whose part is asked for. */
export const here = ({ organisationId }: { organisationId: string }) => sql`t.organisation_id = ${organisationId}::uuid`;
