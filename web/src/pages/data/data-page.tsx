import { Page } from "../../parts/page.tsx";
import { useMay, useSession } from "../../roost.tsx";
import { ErasuresSection } from "./erasures-section.tsx";
import { PersonalSection } from "./personal-section.tsx";
import { RetentionSection } from "./retention-section.tsx";

/** What the organisation keeps: how long, all about one person or device, and what was erased. */
export function DataPage() {
  const mayErase = useMay("personal:erase");
  const { isScoped } = useSession();
  return (
    <Page title="Data">
      <RetentionSection />
      <PersonalSection />
      {mayErase && !isScoped && <ErasuresSection />}
    </Page>
  );
}
