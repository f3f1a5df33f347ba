import { ActionIcon, Button, createTheme, Input, Menu, Select, Tooltip } from "@mantine/core";

/**
 * What Mantine's components ask of the theme. Colours and sizes stand in `theme.css`: the page's policy allows no style tags,
 * so Mantine writes no variables of its own.
 */
export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: { light: 8, dark: 7 },
  defaultRadius: "sm",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Button: Button.extend({ defaultProps: { size: "md" } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { size: 44, variant: "subtle", color: "gray" } }),
    Input: Input.extend({ defaultProps: { size: "md" } }),
    InputWrapper: Input.Wrapper.extend({ defaultProps: { size: "md" } }),
    Select: Select.extend({ defaultProps: { size: "md", allowDeselect: false, comboboxProps: { transitionProps: { duration: 0 } } } }),
    Menu: Menu.extend({ defaultProps: { transitionProps: { duration: 0 }, shadow: "sm" } }),
    Tooltip: Tooltip.extend({ defaultProps: { transitionProps: { duration: 0 }, withArrow: false } }),
  },
});
