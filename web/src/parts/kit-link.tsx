import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { createContext, type ReactNode, use, useCallback } from "react";

interface Here {
  readonly kitId: string;
  readonly params: Readonly<Record<string, string>>;
}

const HereContext = createContext<Here | undefined>(undefined);

/** Around a page of a kit: says where it stands. */
export function KitHere({ kitId, params, children }: Here & { readonly children: ReactNode }) {
  return <HereContext value={{ kitId, params }}>{children}</HereContext>;
}

function useHere(): Here {
  const here = use(HereContext);
  if (here === undefined) throw new Error("A kit's page stands outside of its frame.");
  return here;
}

/** What stands in the places of the page's path, such as `plantId`. */
export function useKitParams(): Readonly<Record<string, string>> {
  return useHere().params;
}

/** What stands behind the `?` of the address, as text. */
export function useKitSearch(): Readonly<Record<string, string | undefined>> {
  return useSearch({ strict: false });
}

/** Goes to a page of the same kit; `replace` leaves no step to come back to. */
export function useKitNavigate(): (path: string, options?: { search?: Record<string, string | undefined>; replace?: boolean }) => void {
  const { kitId } = useHere();
  const navigate = useNavigate();
  return useCallback(
    (path, { search = {}, replace = false } = {}) =>
      void navigate({ to: "/kits/$kitId/$", params: { kitId, _splat: path }, search, replace }),
    [navigate, kitId],
  );
}

/** A link to a page of the same kit: `<KitLink to="plants/…">`. */
export function KitLink({
  to,
  search = {},
  className,
  children,
  ...rest
}: {
  readonly to: string;
  readonly search?: Record<string, string | undefined>;
  readonly className?: string | undefined;
  readonly children: ReactNode;
  readonly "aria-label"?: string;
  readonly title?: string;
}) {
  const { kitId } = useHere();
  return (
    <Link to="/kits/$kitId/$" params={{ kitId, _splat: to }} search={search} {...(className === undefined ? {} : { className })} {...rest}>
      {children}
    </Link>
  );
}

/** The kit and the rest of the address, of the frame itself. */
export function useKitAddress(): { kitId: string; splat: string } {
  const params: { kitId?: string; _splat?: string } = useParams({ strict: false });
  return { kitId: params.kitId ?? "", splat: params._splat ?? "" };
}
