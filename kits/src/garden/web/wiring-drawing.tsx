import { useEffect, useRef } from "react";

import { wiringSvg } from "../firmware/wiring.ts";

import styles from "./wiring-drawing.module.css";

/** How the parts of a node are joined. Drawn into the page itself, so that it has the page's colours. */
export function WiringDrawing() {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const drawing = new DOMParser().parseFromString(wiringSvg({ alone: false }), "image/svg+xml").documentElement;
    place.current?.replaceChildren(document.importNode(drawing, true));
  }, []);
  return (
    <>
      <div ref={place} className={styles.drawing} />
      <a href="/api/v1/kits/garden/wiring.svg" download="wiring.svg">
        Download the drawing
      </a>
    </>
  );
}
