import { Button, Textarea, TextInput } from "@mantine/core";
import { type SyntheticEvent, useState } from "react";

import { CopyBox } from "../../parts/copy.tsx";
import { exampleOf, fillPath, headersOf, type JsonSchema, type Operation, type Parameter } from "./open-api.ts";

import styles from "./api-docs-page.module.css";

interface OperationProps {
  readonly operation: Operation;
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}

/** One call; opens to its parts and a form to try it. */
export function OperationView({ operation, schemas }: OperationProps) {
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.operation} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className={styles.method} data-method={operation.method}>
          {operation.method}
        </span>
        <span className={styles.path}>{operation.path}</span>
        <span className={styles.summary}>{operation.summary}</span>
      </summary>
      {open && <OperationBody operation={operation} schemas={schemas} />}
    </details>
  );
}

function OperationBody({ operation, schemas }: OperationProps) {
  return (
    <div className={styles.body}>
      <p className="quiet">
        <code>{operation.id}</code>
        {operation.access !== "" && (
          <>
            {" "}
            · who may: <code>{operation.access}</code>
          </>
        )}
      </p>
      {operation.answers.map((answer) => (
        <details key={answer.status} className={styles.answer}>
          <summary>
            Answer <strong>{answer.status}</strong> {answer.media} {answer.description}
          </summary>
          {answer.schema !== undefined && (
            <>
              <CopyBox what="Example" text={JSON.stringify(exampleOf(answer.schema, schemas), null, 2)} />
              <CopyBox what="Schema" text={JSON.stringify(answer.schema, null, 2)} />
            </>
          )}
        </details>
      ))}
      {operation.body !== undefined && (
        <details className={styles.answer}>
          <summary>Schema of the body</summary>
          <CopyBox what="Schema" text={JSON.stringify(operation.body, null, 2)} />
        </details>
      )}
      {operation.errors.length > 0 && (
        <ul className={styles.errors}>
          {operation.errors.map((error) => (
            <li key={error.code}>
              <code>{error.code}</code> <span className="quiet">{error.status}</span> {error.message}
            </li>
          ))}
        </ul>
      )}
      <TryIt operation={operation} schemas={schemas} />
    </div>
  );
}

function placeOf({ in: place, schema }: Parameter): string {
  return place === "query" ? describeSchema(schema) : place === "path" ? "in the path" : "as a header";
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

const shownCharacters = 20_000;
const giveUpMs = 15_000;

function TryIt({ operation, schemas }: OperationProps) {
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [body, setBody] = useState(() => (operation.body === undefined ? "" : JSON.stringify(exampleOf(operation.body, schemas), null, 2)));
  const [answer, setAnswer] = useState<Answer>();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string>();
  const path = fillPath(operation.path, values, operation.parameters);
  const endless = operation.answers.some((one) => one.media === "text/event-stream");
  const send = async (event: SyntheticEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailed(undefined);
    const began = performance.now();
    try {
      const reply = await fetch(path, {
        method: operation.method,
        credentials: "same-origin",
        headers: {
          ...headersOf(values, operation.parameters),
          ...(operation.body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(operation.body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(giveUpMs),
      });
      setAnswer({ status: reply.status, text: pretty(await reply.text()), ms: Math.round(performance.now() - began) });
    } catch {
      setFailed("No answer. Is Roost running, and reachable from this browser?");
    } finally {
      setBusy(false);
    }
  };
  if (endless) {
    return (
      <CopyBox
        what="A stream has no end; try it in a shell"
        text={`curl -N -H 'authorization: Bearer …' '${window.location.origin}${path}'`}
      />
    );
  }
  return (
    <form className={styles.try} onSubmit={(event) => void send(event)}>
      <h3>Try it</h3>
      <div className={styles.fields}>
        {operation.parameters.map((parameter) => (
          <TextInput
            key={parameter.name}
            label={<span className="mono">{parameter.name}</span>}
            description={placeOf(parameter)}
            required={parameter.required}
            value={values[parameter.name] ?? ""}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setValues((before) => ({ ...before, [parameter.name]: value }));
            }}
            spellCheck={false}
            autoComplete="off"
          />
        ))}
      </div>
      {operation.body !== undefined && (
        <Textarea
          label="Body"
          value={body}
          onChange={(event) => setBody(event.currentTarget.value)}
          rows={Math.min(16, body.split("\n").length + 1)}
          spellCheck={false}
          classNames={{ input: styles.code ?? "" }}
        />
      )}
      <div className={styles.send}>
        <Button
          type="submit"
          loading={busy}
          variant={operation.method === "GET" ? "filled" : "outline"}
          color={operation.method === "DELETE" ? "red" : "teal"}
        >
          Send {operation.method}
        </Button>
        <code className={styles.path}>{path}</code>
      </div>
      <div aria-live="polite">
        {failed !== undefined && <p role="alert">{failed}</p>}
        {answer !== undefined && (
          <CopyBox what={`Answer ${answer.status}, ${answer.ms} ms`} text={answer.text === "" ? "(empty)" : answer.text} />
        )}
      </div>
    </form>
  );
}

function pretty(text: string): string {
  const cut = (whole: string) =>
    whole.length > shownCharacters ? `${whole.slice(0, shownCharacters)}\n… ${whole.length - shownCharacters} more characters` : whole;
  try {
    return cut(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return cut(text);
  }
}

function describeSchema(schema: JsonSchema): string {
  const type = Array.isArray(schema["type"]) ? schema["type"].join(" or ") : schema["type"];
  const parts = [
    typeof type === "string" ? type : "",
    typeof schema["format"] === "string" ? schema["format"] : "",
    Array.isArray(schema["enum"]) ? schema["enum"].join(" | ") : "",
    schema["minimum"] === undefined ? "" : `from ${JSON.stringify(schema["minimum"])}`,
    schema["maximum"] === undefined ? "" : `to ${JSON.stringify(schema["maximum"])}`,
    schema["default"] === undefined ? "" : `else ${JSON.stringify(schema["default"])}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}
