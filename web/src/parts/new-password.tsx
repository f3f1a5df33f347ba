import { PasswordInput } from "@mantine/core";

const shortestPassword = 12;

/** A field for a password that is set, saying while one types what is still missing. */
export function NewPassword({
  label = "Password",
  value,
  onChange,
}: {
  readonly label?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const missing = shortestPassword - value.length;
  return (
    <PasswordInput
      label={label}
      description={
        missing > 0
          ? `At least ${shortestPassword} characters${value === "" ? "" : `; ${missing} more`}. A few unrelated words are best.`
          : "Long enough."
      }
      autoComplete="new-password"
      required
      withAsterisk={false}
      minLength={shortestPassword}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
