import type { FirmwareKind } from "../contract/firmware.ts";
import { portalName } from "./node-build.ts";

/** A step of getting a program into a node, in words for people. */
export interface FlashingStep {
  readonly title: string;
  readonly text: string;
  /** What to type, where there is something to type. */
  readonly command?: string;
}

/** What the node's lamp tells. The pattern is told in words: nobody has to tell colours apart. */
export const lampWords: readonly { readonly pattern: string; readonly meaning: string; readonly remedy: string }[] = [
  {
    pattern: "five flashes a second",
    meaning: "It is being set up",
    remedy: `Join the Wi-Fi ${portalName} with a phone, type the code from the label, and choose your own Wi-Fi.`,
  },
  {
    pattern: "one flash a second",
    meaning: "It looks for the Wi-Fi or for Roost",
    remedy: "Wait a minute. If it goes on, see that the Wi-Fi reaches this place and that Roost runs.",
  },
  { pattern: "lit without a break", meaning: "All is well", remedy: "Nothing to do." },
  {
    pattern: "two short flashes every two seconds",
    meaning: "A sensor gives nothing",
    remedy: "The node's page says which. See its wire and its plug; the others go on.",
  },
];

/**
 * How a program gets into a node, step by step.
 *
 * @param file - Name of ESPHome's configuration.
 */
export function flashingSteps(kind: FirmwareKind, file: string, deviceId: string): FlashingStep[] {
  const install: FlashingStep =
    kind === "esphome"
      ? {
          title: "Install ESPHome",
          text: "Once for each computer. Where pip calls the environment externally managed, say pipx in its place. Who has Home Assistant may use its ESPHome page instead: add a new device there, paste the configuration into it, and add the lines of secrets.yaml to its secrets.",
          command: "pip install esphome",
        }
      : {
          title: "Install PlatformIO",
          text: "Once for each computer. Where pip calls the environment externally managed, say pipx in its place.",
          command: "pip install platformio",
        };
  return [
    {
      title: "Wire the parts",
      text: "As the drawing shows, with the USB cable pulled out. Everything runs on 3.3 volts: never join VCC of a sensor to 5 V.",
    },
    install,
    {
      title: "Flash over the cable",
      text: "Join the board to the computer by USB and run this in the folder with the files. The first time takes some minutes. If the board is not found, hold its BOOT button while it begins.",
      command: kind === "esphome" ? `esphome run ${file}` : "pio run -t upload",
    },
    {
      title: "Join the node to your Wi-Fi",
      text: `The lamp flashes five times a second. Choose the Wi-Fi ${portalName} on a phone, type the code from the node's label, and a page asks for your own Wi-Fi. Networks of 2.4 GHz only.`,
    },
    {
      title: "See it arrive",
      text: "Within a minute the lamp is lit without a break and the node is online in Roost. Its first values come with the next sample.",
    },
    {
      title: "Calibrate the soil probe",
      text: "Hold the probe in air, wait for the next sample, press Now dry. Put it into water up to its line, wait for the next sample, press Now wet; or run this, and the same with wet. Until then moisture is reckoned by the usual values of such probes.",
      command: `npx roost garden calibrate ${deviceId} dry`,
    },
  ];
}

/** What to try when it does not work. */
export const troubles: readonly { readonly trouble: string; readonly remedy: string }[] = [
  {
    trouble: `${portalName} does not appear`,
    remedy:
      "The node opens it when it knows no Wi-Fi, or has not heard it for a minute and a half. To begin anew, hold BOOT for ten seconds.",
  },
  {
    trouble: "It goes on looking for Roost",
    remedy:
      "Its program names Roost by one address. If that has changed, get the program anew. If its credentials were made anew or revoked since it was flashed, flash it anew.",
  },
  {
    trouble: "Temperature and humidity are missing",
    remedy: "The DHT22 needs its 10 kΩ resistor from DATA to 3V3, unless its board has one. Wires longer than a few metres do not work.",
  },
  {
    trouble: "Light is missing",
    remedy: "SDA and SCL may be swapped. The pin ADDR of the BH1750 stays open, or goes to GND. After wiring it, pull the USB cable once.",
  },
  {
    trouble: "Moisture is missing but its voltage is there",
    remedy: "The voltage is far outside the calibration: the probe is not plugged in, or was calibrated with another one. Calibrate it.",
  },
  {
    trouble: "Values come without a time of their own",
    remedy:
      "The node could not reach a time server. What it measures is kept under the time it arrives; what it measured while away waits until it knows the time.",
  },
  {
    trouble: "The node came back with an older program",
    remedy:
      "The new one did not reach Roost, and the node took the old one back. See what the new one lacks, and try again over the cable.",
  },
];
