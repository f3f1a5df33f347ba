import type { Permission } from "@roost/contract/permissions";
import type { ComponentType, LazyExoticComponent, ReactNode } from "react";

/** A page of a kit. */
export interface KitPage {
  /** Below `/kits/<id>/`, with `:name` places, such as `plants/:plantId`; empty for the kit's first page. */
  readonly path: string;
  readonly component: LazyExoticComponent<ComponentType>;
}

/** A place of a kit in the menu; who lacks `needs` is not shown the way. */
export interface KitPlace {
  readonly path: string;
  readonly word: string;
  readonly icon: ReactNode;
  readonly needs?: Permission;
}

/** The web face of a kit: its places in the menu and its pages. What it imports at once every visitor loads: pages come lazily. */
export interface KitWebFace {
  readonly kitId: string;
  readonly places: readonly KitPlace[];
  readonly pages: readonly KitPage[];
  /** By kind of device: what stands in place of Roost's own configuration, where devices are set in another way. */
  readonly configurations?: Readonly<Record<string, LazyExoticComponent<ComponentType<{ readonly deviceId: string }>>>>;
  /** Facts of the kit (`plant` of `garden.plant_changed`), and the first parts of the keys they make stale. */
  readonly staleBy?: Readonly<Record<string, readonly string[]>>;
}

/** Finds the page at an address of a kit, with what stands in its places. */
export function findKitPage(face: KitWebFace, splat: string): { page: KitPage; params: Record<string, string> } | undefined {
  const parts = splat.split("/").filter((part) => part !== "");
  for (const page of face.pages) {
    const wanted = page.path.split("/").filter((part) => part !== "");
    if (wanted.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((part, index) => {
      const given = parts[index] ?? "";
      if (!part.startsWith(":")) return part === given;
      params[part.slice(1)] = given;
      return true;
    });
    if (fits) return { page, params };
  }
  return undefined;
}
