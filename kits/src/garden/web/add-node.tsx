import { Button, TextInput } from "@mantine/core";
import { addDevice } from "@roost/contract/devices";
import { Dialog } from "@roost/web/parts/dialog.tsx";
import { Fault } from "@roost/web/parts/fault.tsx";
import { PlusIcon } from "@roost/web/parts/icons.tsx";
import { useKitNavigate } from "@roost/web/parts/kit-link.tsx";
import { useApi } from "@roost/web/roost.tsx";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import styles from "./plant-parts.module.css";

const heartbeatSeconds = 60;

/** A new node: it gets a name here, then its program, ready to flash. */
export function AddNode() {
  const { call } = useApi();
  const go = useKitNavigate();
  const queryClient = useQueryClient();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const add = useMutation({
    mutationFn: () => call(addDevice, { body: { name: name.trim(), kind: "garden-node", heartbeatSeconds } }),
    onSuccess: async ({ device }) => {
      await queryClient.invalidateQueries({ queryKey: ["garden"] });
      go(`nodes/${device.id}/flash`);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <>
      <Button leftSection={<PlusIcon size={18} />} onClick={() => setOpen(true)}>
        Add node
      </Button>
      {open && (
        <Dialog title="Add a node" onClose={() => setOpen(false)}>
          <form onSubmit={submit} className={styles.form}>
            <p>
              Give it a name; the next page makes its program and shows how to wire and flash it. A node that registers by itself needs no
              adding: it shows up here and waits for your approval. For any other device,{" "}
              <Link to="/add-device">add it with a claim secret</Link>.
            </p>
            <TextInput
              label="Name"
              placeholder="Kitchen node"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={120}
              required
              withAsterisk={false}
            />
            {add.isError && <Fault error={add.error} />}
            <div className={styles.actions}>
              <Button type="submit" loading={add.isPending} disabled={name.trim() === ""}>
                Add and make its program
              </Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
