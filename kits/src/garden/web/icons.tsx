import { Icon } from "@roost/web/parts/icons.tsx";

export const LeafIcon = ({ size }: { readonly size?: number }) => (
  <Icon size={size}>
    <path d="M4 16c0-7 4-11.5 12.5-12C17 11.5 13 16 6.5 15.5M4 17c1.2-4 4-7 8-8.5" />
  </Icon>
);
export const NodeIcon = ({ size }: { readonly size?: number }) => (
  <Icon size={size}>
    <rect x="6.5" y="6" width="7" height="11" rx="1.5" />
    <path d="M6.5 9H4M6.5 12H4M6.5 15H4M16 9h-2.5M16 12h-2.5M16 15h-2.5M7.5 3.5a4 4 0 0 1 5 0" />
  </Icon>
);
