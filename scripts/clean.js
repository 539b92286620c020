// A renamed source file must not leave its old output in the package.
import { rmSync } from "node:fs";

for (const path of ["dist", "bootstrap.js"]) {
  rmSync(new URL(`../${path}`, import.meta.url), { recursive: true, force: true });
}
