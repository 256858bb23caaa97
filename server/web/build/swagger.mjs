// Copies the files that /docs needs out of swagger-ui-dist, so that the API's
// documentation is readable without any network.
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const from = new URL("../node_modules/swagger-ui-dist/", import.meta.url);
const to = new URL("../dist/swagger/", import.meta.url);

await mkdir(to, { recursive: true });
for (const name of ["swagger-ui.css", "swagger-ui-bundle.js", "LICENSE"]) {
  await copyFile(fileURLToPath(new URL(name, from)), fileURLToPath(new URL(name, to)));
}
