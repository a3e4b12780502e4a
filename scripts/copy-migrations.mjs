// tsc copies no SQL: the migrations go beside the module that reads them.
import { cpSync } from "node:fs";

cpSync("src/store/sqlite/migrations", "dist/src/store/sqlite/migrations", { recursive: true });
