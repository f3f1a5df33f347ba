import { createTheme } from "@mantine/core";

const atOnce = { transitionProps: { duration: 0 } };

/**
 * What Mantine's components ask of the theme. Colours and sizes stand in `theme.css`: the page's policy allows no style tags,
 * so Mantine writes no variables of its own.
 *
 * Components are named here, not imported: a page that has no menu loads none.
 */
export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: { light: 8, dark: 7 },
  defaultRadius: "sm",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { size: "md" } },
    ActionIcon: { defaultProps: { size: 44, variant: "subtle", color: "gray" } },
    Input: { defaultProps: { size: "md" } },
    InputWrapper: { defaultProps: { size: "md" } },
    Select: { defaultProps: { size: "md", allowDeselect: false, openOnFocus: false, comboboxProps: atOnce } },
    Menu: { defaultProps: { ...atOnce, shadow: "sm" } },
  },
});
