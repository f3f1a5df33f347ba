import type { ReactNode } from "react";

// Drawn on a 20 × 20 grid, one stroke width, the colour of the text beside them. They never stand without a word or a label.
/** The frame of an icon; kits draw theirs in it too. */
export function Icon({ children, size = 20 }: { readonly children: ReactNode; readonly size?: number | undefined }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

interface IconProps {
  readonly size?: number;
}

export const FleetIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="3" y="3.5" width="14" height="5" rx="1.5" />
    <rect x="3" y="11.5" width="14" height="5" rx="1.5" />
    <path d="M6 6h.01M6 14h.01M9 6h5M9 14h5" />
  </Icon>
);
export const InboxIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 11.5 5 4.5h10l2 7v4H3zM3 11.5h4a3 3 0 0 0 6 0h4" />
  </Icon>
);
export const AlarmIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5 13.5V9a5 5 0 0 1 10 0v4.5l1.5 1.5h-13zM8.5 17.5h3" />
  </Icon>
);
export const TicketIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 5.5h14V8a2 2 0 0 0 0 4v2.5H3V12a2 2 0 0 0 0-4zM12.5 5.5v2M12.5 9v2M12.5 12.5v2" />
  </Icon>
);
export const ServiceIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 2.5 16.5 5v4.5c0 4-2.7 6.7-6.5 8-3.8-1.3-6.5-4-6.5-8V5zM7 10l2.2 2.2L13.2 8" />
  </Icon>
);
export const RefusedIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 5.5h14M3 10h7M3 14.5h5M12.5 11.5l4.5 4.5M17 11.5l-4.5 4.5" />
  </Icon>
);
export const SendIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M17 3 9 11M17 3l-5 14-3-6-6-3z" />
  </Icon>
);
export const KeyIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="7" cy="13" r="3.5" />
    <path d="m9.5 10.5 7-7M14 6l2 2" />
  </Icon>
);
export const DocsIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m7 6-4 4 4 4M13 6l4 4-4 4" />
  </Icon>
);
export const StatusIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M2.5 10.5H6L8 5l4 10 2-4.5h3.5" />
  </Icon>
);
export const PlusIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 4v12M4 10h12" />
  </Icon>
);
export const MinusIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 10h12" />
  </Icon>
);
export const PreviousIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M12 4l-6 6 6 6" />
  </Icon>
);
export const NextIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M8 4l6 6-6 6" />
  </Icon>
);
export const LimitIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 6h14M3 14.5l3.5-2.5 3 1.5L13 8l1.5-4.5M13 8l4 5.5" />
  </Icon>
);
export const WindowIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3.5 5h13v11.5h-13zM3.5 8.5h13M7 3v3.5M13 3v3.5M7.5 12.5h5" />
  </Icon>
);
export const SilenceIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5 13.5V9a5 5 0 0 1 8-4M15 8.5v5l1.5 1.5H6M8.5 17.5h3M3 17L17 3" />
  </Icon>
);
export const MoreIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M4 5.5h12M4 10h12M4 14.5h12" />
  </Icon>
);
export const SearchIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="9" cy="9" r="5" />
    <path d="m13 13 4 4" />
  </Icon>
);
export const DownloadIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13" />
  </Icon>
);
export const CopyIcon = (props: IconProps) => (
  <Icon {...props}>
    <rect x="7" y="7" width="9.5" height="9.5" rx="1.5" />
    <path d="M4.5 13H4a1 1 0 0 1-1-1V4.5A1.5 1.5 0 0 1 4.5 3H12a1 1 0 0 1 1 1v.5" />
  </Icon>
);
export const CheckIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m4 10.5 4 4 8-9" />
  </Icon>
);
export const CloseIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m5 5 10 10M15 5 5 15" />
  </Icon>
);
export const LeftIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m12 4.5-5.5 5.5 5.5 5.5" />
  </Icon>
);
export const RightIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="m8 4.5 5.5 5.5L8 15.5" />
  </Icon>
);
export const PersonIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="10" cy="7" r="3.2" />
    <path d="M3.5 17c.8-3.3 3.3-5 6.5-5s5.7 1.7 6.5 5" />
  </Icon>
);
export const FlagIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5 17.5v-14M5 4.5c3-1.6 5.5 1.6 10 0v7.5c-4.5 1.6-7-1.6-10 0" />
  </Icon>
);
export const PrintIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M6 7V3.5h8V7M6 14H3.5V8.5a1.5 1.5 0 0 1 1.5-1.5h10a1.5 1.5 0 0 1 1.5 1.5V14H14" />
    <rect x="6" y="12" width="8" height="5" />
  </Icon>
);
export const PeopleIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="7.5" cy="7" r="3" />
    <path d="M2.5 16.5c.4-3 2.4-4.5 5-4.5s4.6 1.5 5 4.5M13 4.4a3 3 0 0 1 0 5.2M14.5 12.3c1.7.6 2.8 2 3 4.2" />
  </Icon>
);
export const SiteIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 17.5s5.5-4.6 5.5-9a5.5 5.5 0 0 0-11 0c0 4.4 5.5 9 5.5 9z" />
    <circle cx="10" cy="8.5" r="2" />
  </Icon>
);
export const SwitchIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M6.5 8 10 4.5 13.5 8M6.5 12l3.5 3.5 3.5-3.5" />
  </Icon>
);
export const OrganisationIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 17.5h14M4.5 17.5v-13h7v13M11.5 8.5h4v9M7 8h2M7 11h2M7 14h2" />
  </Icon>
);
export const PlatformIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M10 2.8 16.2 5v4.6c0 3.6-2.5 6.3-6.2 7.6-3.7-1.3-6.2-4-6.2-7.6V5z" />
  </Icon>
);
export const KitIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3.5 8.5 10 5l6.5 3.5L10 12zM3.5 8.5v5L10 17l6.5-3.5v-5M10 12v5" />
  </Icon>
);
export const AuditIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M5 2.8h7.5L16 6.3v10.9H5zM12.2 3v3.6h3.6M8 10h5M8 13h5" />
  </Icon>
);

export const OnCallIcon = (props: IconProps) => (
  <Icon {...props}>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 6v4l2.6 2.6" />
  </Icon>
);

export const RouteIcon = (props: IconProps) => (
  <Icon {...props}>
    <path d="M3 5.5h4.5l5 9H17M12.5 5.5H17M3 14.5h4.5l1-1.8" />
    <path d="m15 3.5 2 2-2 2M15 12.5l2 2-2 2" />
  </Icon>
);
