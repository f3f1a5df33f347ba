import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Of the contract what no single page has to itself: what only some pages speak of comes with them. */
const ofPages =
  "incidents|windows|routing|preferences|on-call|dead-man|audit|flags|rollout|sign-in|secrets|personal-data|platform|transfers|people|single-sign-on|channels|push|permission-words|commands|registrations|home-assistant|kit-host|sql|tickets|services|service-levels|organisation-removal|retention";
const shared = new RegExp(`/contract/src/(?!${ofPages})`);

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    outDir: "dist",
    // Everything is a file: the content security policy allows neither inline scripts nor data: code.
    assetsInlineLimit: 0,
    manifest: true,
    chunkSizeWarningLimit: 500,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What every page needs and what changes seldom; the rest is split by page.
            {
              name: "vendor",
              test: /node_modules\/(react|react-dom|scheduler|use-sync-external-store|@tanstack\/(?!react-virtual|virtual-core)[^/]+|zod)\//,
            },
            {
              name: "parts",
              test: /\/(kits\/src\/([^/]+$|[^/]+\/(kit\.ts|web\.tsx)$)|web\/src\/(parts\/(?!kit-link|chart|view|zones|pinch|confirm|copy|waiting-devices|silence|alarm-table|alarm-tags|rule-words|new-password|device-choice|csv|where|kit-configuration|act-form)|roost\.tsx))/,
            },
            { name: "contract", test: shared },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/health": "http://127.0.0.1:8080", "/ready": "http://127.0.0.1:8080" } },
});
