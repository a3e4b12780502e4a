/**
 * The machine id that a certificate's Common Name stands for: `agent-<id>.<suffix>` gives `<id>`; any other CN is taken
 * whole, as it is.
 */
export function machineIdFromCn(cn: string, suffix: string): string {
  const prefix = "agent-";
  const ending = `.${suffix}`;
  const id = cn.startsWith(prefix) && cn.endsWith(ending) ? cn.slice(prefix.length, -ending.length) : "";
  return id === "" ? cn : id;
}
