import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { type ApiToken, addApiToken, removeApiToken } from "@roost/contract/auth";
import type { Permission } from "@roost/contract/permissions";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";

import { Age } from "../../parts/age.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyBox } from "../../parts/copy.tsx";
import { Dialog, FormEnd } from "../../parts/dialog.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Fault } from "../../parts/fault.tsx";
import { PlusIcon } from "../../parts/icons.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { RowsWaiting } from "../../parts/waiting.tsx";
import { type Places, type Reach, reachWords, WhereChoice } from "../../parts/where.tsx";
import { useApi, useMay, useNow, useSession } from "../../roost.tsx";
import { deviceGroups, sites } from "../people/questions.ts";

import styles from "./tokens-page.module.css";

/** Tokens of programs: what they may, until when, when they were used last. */
export function TokensPage() {
  const may = useMay("tokens:write");
  if (!may) {
    return (
      <Page title="API tokens">
        <Empty title="Your role may not see API tokens.">
          <p>Ask an administrator of your organisation for one.</p>
        </Empty>
      </Page>
    );
  }
  return <Tokens />;
}

function Tokens() {
  const tokens = useQuery(useApi().tokens());
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<{ token: ApiToken; secret: string }>();
  const items = tokens.data?.items;
  const add = (
    <Button leftSection={<PlusIcon size={18} />} onClick={() => setAdding(true)}>
      Make a token
    </Button>
  );
  return (
    <Page title="API tokens" actions={items !== undefined && items.length > 0 && add}>
      <Section
        title="Tokens"
        about="For programs and integrations: over HTTP, for live streams, and to read your devices’ topics over MQTT."
      >
        {items === undefined && !tokens.isError && <RowsWaiting label="tokens" rows={3} />}
        {items === undefined && tokens.isError && <Fault error={tokens.error} onRetry={() => void tokens.refetch()} />}
        {items?.length === 0 && (
          <Empty title="No tokens yet.">
            <p>A token holds only the permissions you give it, and never more than you hold yourself. Use it as a bearer:</p>
            <code>curl -H &apos;authorization: Bearer …&apos; {window.location.origin}/api/v1/devices</code>
            {add}
          </Empty>
        )}
        {items !== undefined && items.length > 0 && (
          <ul className={styles.tokens}>
            {items.map((token) => (
              <TokenRow key={token.id} token={token} />
            ))}
          </ul>
        )}
      </Section>
      {adding && (
        <AddToken
          onClose={() => setAdding(false)}
          onMade={(answer) => {
            setAdding(false);
            setMade(answer);
          }}
        />
      )}
      {made !== undefined && (
        <Dialog title={`The secret of ${made.token.name}, shown once`} onClose={() => setMade(undefined)}>
          <CopyBox what="API token" text={made.secret} />
          <p>Roost never shows it again. Put it where the program reads its secrets, not into its code.</p>
          <FormEnd>
            <Button onClick={() => setMade(undefined)}>I have it</Button>
          </FormEnd>
        </Dialog>
      )}
    </Page>
  );
}

/** What of the organisation the person sees and may read the list of. */
function usePlaces(enabled: boolean): Places {
  const { call } = useApi();
  const may = useMay("devices:read") && enabled;
  return {
    sites: useQuery({ ...sites(call), enabled: may }).data?.items ?? [],
    groups: useQuery({ ...deviceGroups(call), enabled: may }).data?.items ?? [],
  };
}

function TokenRow({ token }: { readonly token: ApiToken }) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const now = useNow(60_000);
  const [removing, setRemoving] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(removeApiToken, { params: { tokenId: token.id } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["api-tokens"] }),
  });
  const where = reachWords(token, usePlaces(token.siteIds !== undefined || token.groupIds !== undefined));
  const ended = token.expiresAt !== undefined && token.expiresAt.getTime() < now;
  return (
    <li className={styles.token}>
      <div className={styles.what}>
        <strong>{token.name}</strong>
        <span className={styles.permissions}>{token.permissions.join(", ")}</span>
        {where !== undefined && <span>{where}</span>}
        <span className="quiet">
          made <Age at={token.createdAt} /> ·{" "}
          {token.lastUsedAt === undefined ? (
            "never used"
          ) : (
            <>
              used <Age at={token.lastUsedAt} />
            </>
          )}{" "}
          ·{" "}
          {token.expiresAt === undefined ? (
            "without end"
          ) : (
            <>
              {ended ? "ended" : "ends"} <Age at={token.expiresAt} />
            </>
          )}
        </span>
      </div>
      <Button variant="subtle" color="red" onClick={() => setRemoving(true)} aria-label={`Take ${token.name} away`}>
        Take away
      </Button>
      {removing && (
        <Confirm
          title={`Take ${token.name} away?`}
          verb="Take token away"
          name={token.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => setRemoving(false)}
        >
          <p>What uses it is refused from now on; open streams and MQTT connections end within five seconds.</p>
        </Confirm>
      )}
    </li>
  );
}

const spans = [
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "1 year" },
  { value: "3650", label: "10 years" },
];

function AddToken({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (made: { token: ApiToken; secret: string }) => void;
}) {
  const { call } = useApi();
  const queryClient = useQueryClient();
  const held = useSession().permissions;
  const [name, setName] = useState("");
  const [days, setDays] = useState("365");
  const [chosen, setChosen] = useState<readonly Permission[]>(held.filter((permission) => permission.endsWith(":read")));
  const [reach, setReach] = useState<Reach>({ where: "everywhere", siteIds: [], groupIds: [] });
  const places = usePlaces(true);
  const isNowhere = reach.where === "parts" && reach.siteIds.length + reach.groupIds.length === 0;
  const isReady = name.trim() !== "" && chosen.length > 0 && !isNowhere;
  const make = useMutation({
    mutationFn: () =>
      call(addApiToken, {
        body: {
          name: name.trim(),
          permissions: [...chosen],
          expiresInDays: Number(days),
          ...(reach.where === "parts" ? { siteIds: [...reach.siteIds], groupIds: [...reach.groupIds] } : {}),
        },
      }),
    onSuccess: async (answer) => {
      await queryClient.invalidateQueries({ queryKey: ["api-tokens"] });
      onMade(answer);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (isReady) make.mutate();
  };
  return (
    <Dialog title="Make a token" onClose={onClose}>
      <form onSubmit={submit}>
        <TextInput
          label="Name"
          description="The program that will use it."
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={120}
          required
          autoComplete="off"
        />
        <Select
          label="Ends after"
          data={spans}
          value={days}
          onChange={(value) => setDays(value ?? "365")}
          comboboxProps={{ withinPortal: false }}
        />
        <Checkbox.Group
          label="May"
          value={[...chosen]}
          onChange={(values) => setChosen(held.filter((permission) => values.includes(permission)))}
        >
          <div className={styles.choices}>
            {held.map((permission) => (
              <Checkbox key={permission} value={permission} label={<span className="mono">{permission}</span>} className={styles.choice} />
            ))}
          </div>
        </Checkbox.Group>
        {chosen.length === 0 && <p role="alert">Choose at least one permission.</p>}
        <WhereChoice
          reach={reach}
          places={places}
          everywhere="As far as you reach yourself"
          nothingChosen="Nothing is chosen: the token would reach no device."
          onChange={(change) => setReach({ ...reach, ...change })}
        />
        {make.isError && <Fault error={make.error} />}
        <FormEnd>
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={!isReady}>
            Make token
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
