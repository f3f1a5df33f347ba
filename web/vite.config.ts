import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

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
            { name: "vendor", test: /node_modules\/(react|react-dom|scheduler|use-sync-external-store|@tanstack|zod)\// },
            {
              name: "parts",
              test: /(\/contract\/src\/|\/kits\/src\/|\/web\/src\/(parts\/(?!chart|view|zones|pinch|confirm|copy)|roost\.tsx))/,
            },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/health": "http://127.0.0.1:8080", "/ready": "http://127.0.0.1:8080" } },
});
