// tsc copies no SQL: the migrations go beside the module that reads them.
import { cpSync } from "node:fs";

for (const store of ["sqlite", "postgres"]) {
  cpSync(`src/store/${store}/migrations`, `dist/src/store/${store}/migrations`, { recursive: true });
}
