import { Page } from "../../parts/page.tsx";
import { useMay, useSession } from "../../roost.tsx";
import { ErasuresSection } from "./erasures-section.tsx";
import { PersonalSection } from "./personal-section.tsx";
import { RemovalSection } from "./removal-section.tsx";
import { RetentionSection } from "./retention-section.tsx";

/** What the organisation keeps: how long, all about one person or device, what was erased, and the end of it all. */
export function DataPage() {
  const mayErase = useMay("personal:erase");
  const { isScoped, role } = useSession();
  return (
    <Page title="Data">
      <RetentionSection />
      <PersonalSection />
      {mayErase && !isScoped && <ErasuresSection />}
      {role === "owner" && <RemovalSection />}
    </Page>
  );
}
