import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** worker puts the screens' worker into the build, with the names of the files
 * that the page is made of and a hash of everything in them. */
export function worker(): Plugin {
  return {
    name: "screen-worker",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const source = readFileSync("worker/screen-worker.js", "utf8");
        const sum = createHash("sha256").update(source);
        const files = ["/icon.svg", "/screen.webmanifest"];
        for (const [name, part] of Object.entries(bundle).sort(([a], [b]) => a.localeCompare(b))) {
          sum.update(name).update(part.type === "chunk" ? part.code : part.source);
          if (name.startsWith("assets/")) files.push(`/${name}`);
        }
        const text = source.replace("__VERSION__", sum.digest("hex").slice(0, 16)).replace("__FILES__", JSON.stringify(files));
        this.emitFile({ type: "asset", fileName: "screen-worker.js", source: text });
      },
    },
  };
}
