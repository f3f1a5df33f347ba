import { defineErrors } from "./errors.ts";

/** What goes wrong with mail that Roost sends. */
export const mailErrors = defineErrors("mail", {
  off: [409, "This Roost sends no mail. Set ROOST_SMTP_URL and ROOST_MAIL_FROM to switch it on."],
  bad_address: [422, "This is no mail address that can be written to."],
  bad_subject: [422, "A subject is one line of at most 200 characters."],
  not_sent: [502, "The mail server did not take the message. The log says what it answered."],
});
