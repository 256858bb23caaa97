import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { worker } from "./build/worker";

// In development the app runs on Vite's own server and asks a running
// `binside serve` for everything that is not the app.
const server = process.env.BINSIDE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), worker()],
  build: { target: "es2022", sourcemap: false, emptyOutDir: true },
  server: { proxy: { "/api": server, "/evidence": server, "/openapi.json": server } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
