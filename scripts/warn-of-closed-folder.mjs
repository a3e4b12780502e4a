// As root, PostgreSQL and the program in some tests run as another user, who must get to this checkout. Says so before many
// tests fail in other words; the others run nevertheless.

import { statSync } from "node:fs";
import { dirname } from "node:path";

const othersMayEnter = 0o001;

function closedFolder(folder) {
  if ((statSync(folder).mode & othersMayEnter) === 0) return folder;
  return dirname(folder) === folder ? undefined : closedFolder(dirname(folder));
}

const closed = process.getuid?.() === 0 ? closedFolder(process.cwd()) : undefined;
if (closed !== undefined) {
  process.stderr.write(
    `warning: as root, the tests start PostgreSQL as another user, who may not enter ${closed}: many will fail.\n` +
      `Type "chmod o+x ${closed}", or check out elsewhere, or run the tests as another user than root.\n`,
  );
}
