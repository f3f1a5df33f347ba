import type { Erasure } from "@roost/contract/personal-data";
import { useInfiniteQuery } from "@tanstack/react-query";

import { Age } from "../../parts/age.tsx";
import { formatPlural } from "../../parts/format.ts";
import { List } from "../../parts/list.tsx";
import { Section } from "../../parts/page.tsx";
import { Rows } from "../../parts/rows.tsx";
import { useApi } from "../../roost.tsx";
import { erasures } from "./questions.ts";

import styles from "./data.module.css";

/** What was erased, how far it is, and what stayed. Names nobody. */
export function ErasuresSection() {
  const { call } = useApi();
  return (
    <Section
      title="Erasures"
      about="The proof that it was done, which names nobody. After a backup is put back, erase again what was erased since."
    >
      <List query={useInfiniteQuery(erasures(call))} noun="erasures" empty={<p className="quiet">Nothing was erased.</p>}>
        {(items) => (
          <Rows>
            {items.map((one) => (
              <ErasureRow key={one.id} erasure={one} />
            ))}
          </Rows>
        )}
      </List>
    </Section>
  );
}

function ErasureRow({ erasure: { subject, subjectId, state, requestedAt, finishedAt, places, kept } }: { readonly erasure: Erasure }) {
  const rows = (how: "deleted" | "anonymised") => places.reduce((sum, one) => (one.how === how ? sum + one.rows : sum), 0);
  const unnamed = rows("anonymised");
  return (
    <li className={styles.erasure}>
      <div className={styles.erasureHead}>
        <strong>
          {subject === "device" ? "Device" : "Person"} <code>{subjectId}</code>
        </strong>
        <span className={styles.state} data-state={state}>
          {state === "running" ? "Running" : "Done"}
        </span>
      </div>
      <span className={styles.aboutErasure}>
        asked for <Age at={requestedAt} />
        {finishedAt !== undefined && (
          <>
            {" "}
            · done <Age at={finishedAt} />
          </>
        )}{" "}
        · {formatPlural(rows("deleted"), "row")} deleted
        {unnamed > 0 && <>, {formatPlural(unnamed, "row")} without a name now</>}
        {state === "running" && " so far"}
      </span>
      {state === "running" && <progress className={styles.progress} aria-label={`Erasing ${subjectId}`} />}
      {(places.length > 0 || kept.length > 0) && (
        <details className={styles.details}>
          <summary>Table by table</summary>
          <ul>
            {places.map(({ place, how, rows: count }) => (
              <li key={`${place} ${how}`}>
                <code>{place}</code> {formatPlural(count, "row")} {how === "deleted" ? "deleted" : "without a name"}
              </li>
            ))}
            {kept.map((one) => {
              const [place = "", ...sentence] = one.split(": ");
              return (
                <li key={one}>
                  <code>{place}</code> kept. {sentence.join(": ")}
                </li>
              );
            })}
          </ul>
        </details>
      )}
    </li>
  );
}
